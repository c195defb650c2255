package link

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Sysctl reads a key below net: "ipv4/conf/eth0/rp_filter". Slashes, not dots,
// because the name of a VLAN link holds a dot (sysctl(8)).
func (l *Links) Sysctl(ctx context.Context, key string) (string, error) {
	path, err := l.sysctlPath(ctx, key)
	if err != nil {
		return "", err
	}
	value, err := os.ReadFile(path)
	if err != nil {
		return "", sysctlFailed("read", key, err)
	}
	return strings.TrimSpace(string(value)), nil
}

// SetSysctl writes a key below net, until the next boot.
func (l *Links) SetSysctl(ctx context.Context, key, value string) error {
	path, err := l.sysctlPath(ctx, key)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0) // must exist: never creates a file
	if err == nil {
		_, err = f.WriteString(value)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return sysctlFailed("set", key, err)
	}
	return nil
}

func (l *Links) sysctlPath(ctx context.Context, key string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", sysctlFailed("use", key, err)
	}
	if key == "." || !filepath.IsLocal(key) {
		return "", fmt.Errorf("cannot use the kernel setting net/%s: it leads out of net; write it as ipv4/conf/eth0/rp_filter", key)
	}
	return filepath.Join(l.proc, "sys/net", key), nil
}

func sysctlFailed(do, key string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot %s the kernel setting net/%s: %w; is the name of the link right?", do, key, err)
	}
	return failed(err, "cannot %s the kernel setting net/%s", do, key)
}
