package ovs

import (
	"os"
	"path/filepath"
	"regexp"
)

// moduleFile matches the kernel's openvswitch module in modules.dep and
// modules.builtin, compressed or not; in modules.dep as the file that a line is about.
var moduleFile = regexp.MustCompile(`(?m)^[^:\n]*/openvswitch\.ko(\.\w+)?(:|$)`)

// kernelModule says whether the kernel's datapath is loaded or can be (modules.dep(5)).
func (s *Switch) kernelModule() bool {
	if _, err := os.Stat(filepath.Join(s.opts.SysModules, "openvswitch")); err == nil {
		return true
	}
	for _, list := range []string{"modules.dep", "modules.builtin"} {
		if b, err := os.ReadFile(filepath.Join(s.opts.Modules, list)); err == nil && moduleFile.Match(b) {
			return true
		}
	}
	return false
}
