package steps_test

import (
	"os/exec"
	"strings"
	"testing"

	"bridgehead/steps"
)

// A command broken into lines is the same command to a shell, whatever is quoted in it; and it is broken.
func TestTypedIsTheSameCommand(t *testing.T) {
	for _, args := range []string{
		`--name 'a'\''"<b>&$x; y  z' --memory 2048 --disk 'path=/a b/c\,d,size=20' --os-variant detect=on`,
		`a\ b "c 'd' e" 'f "g" h' i\\ j\" k l m n o p q r s t u v w x y z`,
		`one -- two three -- four five six seven eight nine ten eleven twelve thirteen`,
	} {
		command := "printf '%s|' " + args
		lines := steps.Typed(command, 30)
		want, err := exec.Command("sh", "-c", command).Output()
		if err != nil {
			t.Fatal(err)
		}
		got, err := exec.Command("sh", "-c", strings.Join(lines, "\n")).Output()
		if err != nil || string(got) != string(want) || len(lines) < 3 {
			t.Errorf("%q is printed by\n%s\nwant %q (%v)", got, strings.Join(lines, "\n"), want, err)
		}
	}
}
