package services

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/lab"
)

// In a lab the test itself asks systemd, as "unit NAME" and "start NAME".
func TestMain(m *testing.M) {
	lab.Main()
	if len(os.Args) == 3 {
		var err error
		s := New()
		switch os.Args[1] {
		case "unit":
			var u backend.Unit
			u, err = s.Unit(context.Background(), os.Args[2])
			text, _ := json.Marshal(u)
			fmt.Println(string(text))
		case "start":
			err = s.Start(context.Background(), os.Args[2])
		}
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		if os.Args[1] == "unit" || os.Args[1] == "start" {
			os.Exit(0)
		}
	}
	os.Exit(m.Run())
}

const testProgram = "/opt/services.test"

func TestUnderSystemd(t *testing.T) {
	self, err := os.Executable()
	must(t, err)
	t.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=0") // or every command takes a second longer to end
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	l, err := lab.Up(ctx, lab.Spec{Systemd: true, NoOVS: true, Bind: map[string]string{testProgram: self}, Files: map[string]string{
		"/etc/systemd/system/good.service":  "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n",
		"/etc/systemd/system/bad.service":   "[Service]\nType=oneshot\nExecStart=/bin/false\n",
		"/etc/systemd/system/needy.service": "[Unit]\nRequires=bad.service\nAfter=bad.service\n[Service]\nExecStart=/bin/true\n",
	}})
	must(t, err)
	defer func() { must(t, l.Close()) }()
	ask := func(what, name string) (string, error) {
		out, err := l.Host(testProgram, what, name).CombinedOutput()
		return strings.TrimSpace(string(out)), err
	}
	unit := func(name string) (u backend.Unit) {
		t.Helper()
		out, err := ask("unit", name)
		if err == nil {
			err = json.Unmarshal([]byte(out), &u)
		}
		if err != nil {
			t.Fatalf("%s: %v: %s", name, err, out)
		}
		return u
	}

	networking := unit("networking")
	if networking.Load != "loaded" || networking.Active != "active" || networking.Enabled != "enabled" ||
		!slices.Contains(networking.Before, "network.target") || !slices.Contains(networking.After, "local-fs.target") {
		t.Errorf("%+v", networking)
	}
	if u := unit("no-such-unit"); u.Name != "no-such-unit.service" || u.Load != "" || u.Active != "" {
		t.Errorf("%+v", u)
	}
	if u := unit("systemd-logind"); u.Load != "masked" || u.Enabled != "masked" {
		t.Errorf("%+v", u)
	}

	if out, err := ask("start", "good"); err != nil || unit("good").Active != "active" {
		t.Errorf("%v: %s", err, out)
	}
	for name, want := range map[string]string{
		"bad":            "cannot start bad.service: it failed; see journalctl -u bad.service",
		"needy":          "cannot start needy.service: something that it needs failed; see journalctl -u needy.service",
		"no-such-unit":   "cannot start no-such-unit.service: Unit no-such-unit.service not found.",
		"systemd-logind": "cannot start systemd-logind.service: Unit systemd-logind.service is masked.",
	} {
		if out, err := ask("start", name); err == nil || out != want {
			t.Errorf("%s: %v: %s, want %s", name, err, out, want)
		}
	}
}
