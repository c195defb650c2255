package interfaces

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"
)

// source reads the files that the patterns of rest name (wordexp(3)).
func (p *parser) source(rest string) error {
	names, err := p.expand(rest)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := p.include(name); err != nil {
			return err
		}
	}
	return nil
}

// sourceDirectory reads the files of a directory whose names consist of
// letters, digits, "_" and "-" only.
func (p *parser) sourceDirectory(rest string) error {
	dirs, err := p.expand(rest)
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		names, err := p.c.src.Glob(path.Join(dir, "*"))
		if err != nil {
			return p.at.refuse("cannot read directory %s: %v", dir, err)
		}
		slices.Sort(names)
		for _, name := range names {
			base := path.Base(name)
			if strings.IndexFunc(base, notInDirectory) >= 0 {
				continue
			}
			if err := p.include(strings.TrimSuffix(dir, "/") + "/" + base); err != nil {
				return err
			}
		}
	}
	return nil
}

func notInDirectory(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-')
}

// include reads one file. Like ifupdown it passes over what does not exist,
// over directories, and over a file that was read under the same name before.
func (p *parser) include(name string) error {
	clean := path.Clean(name)
	if p.c.seen[name] {
		return nil
	}
	if p.c.seen[clean] {
		return p.at.refuse("%s is read twice, under different names", clean)
	}
	data, err := p.c.src.Read(clean)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.EISDIR):
		return nil
	case err != nil:
		return p.at.refuse("cannot read %s: %v", clean, err)
	}
	p.c.seen[name] = true
	return p.c.read(clean, data)
}

// expand does for the words of rest what wordexp does, as far as it can be
// known without a shell: a relative first word is below the file's directory,
// and a pattern matches no dot file.
func (p *parser) expand(rest string) ([]string, error) {
	if !strings.HasPrefix(rest, "/") {
		rest = path.Dir(p.file.Path) + "/" + rest
	}
	if strings.ContainsAny(rest, "$`\"'\\|&;<>(){}~") {
		return nil, p.at.refuse("shell syntax in a path to source is not supported")
	}
	var all []string
	for _, word := range words(rest) {
		if !strings.HasPrefix(word, "/") {
			return nil, p.at.refuse("%s would be looked for in the working directory; write the whole path", word)
		}
		if !strings.ContainsAny(word, "*?[") {
			all = append(all, word)
			continue
		}
		names, err := p.glob(word)
		if err != nil {
			return nil, err
		}
		all = append(all, names...)
	}
	return all, nil
}

func (p *parser) glob(word string) ([]string, error) {
	pattern, ok := pattern(word)
	if !ok {
		return nil, p.at.refuse("the pattern %s is not supported", word)
	}
	names, err := p.c.src.Glob(pattern)
	if err != nil {
		return nil, p.at.refuse("cannot look for %s: %v", word, err)
	}
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return hidden(pattern, name) })
	slices.Sort(names)
	return names, nil
}

// hidden says that name has a leading dot where pattern has none.
func hidden(pattern, name string) bool {
	want, have := strings.Split(path.Clean(pattern), "/"), strings.Split(path.Clean(name), "/")
	for i := range min(len(want), len(have)) {
		if strings.HasPrefix(have[i], ".") && !strings.HasPrefix(want[i], ".") {
			return true
		}
	}
	return false
}

// pattern turns a shell pattern into one of path.Match; not ok where the two
// might differ.
func pattern(shell string) (string, bool) {
	for i := range len(shell) {
		if shell[i] >= 0x80 || shell[i] == '\\' {
			return "", false
		}
	}
	if strings.Contains(shell, "[[") || strings.ContainsAny(shell, "(|)") {
		return "", false
	}
	shell = strings.ReplaceAll(shell, "[!", "[^")
	_, err := path.Match(shell, "")
	return shell, err == nil
}
