package op

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"bridgehead/backend"
)

// notOurs are the flows that are no business of an operator: those of table 254, which bonds need, and those of a priority above
// 65535, for in-band control (ovs-vswitchd(8), bridge/dump-flows).
var notOurs = regexp.MustCompile(`table_id=254,|priority=\d{6}`)

// ownFlows refuses a bridge whose flows are not just those it comes with. They are in no database and gone with the
// bridge; one that fails securely and has none passes nothing, which is not what an undo that is not kept may leave.
func ownFlows(ctx context.Context, h backend.Host, b backend.Bridge) error {
	out, err := h.Switch.Appctl(ctx, "bridge/dump-flows", b.Name)
	if late := (*backend.TimeoutError)(nil); errors.As(err, &late) || ctx.Err() != nil {
		return fmt.Errorf("cannot see whether bridge %s has OpenFlow flows of its own: %w", b.Name, err)
	} else if err != nil {
		return nil // ovs-vswitchd could not open the bridge, so it has none
	}
	own, instead := 0, fmt.Sprintf("echo priority=0,actions=NORMAL | ovs-ofctl -O OpenFlow10,OpenFlow13 replace-flows %s -", quote(b.Name))
	if b.FailMode == "secure" {
		instead = "ovs-vsctl del-fail-mode " + quote(b.Name)
	}
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		usual := strings.HasSuffix(line, " priority=0,actions=NORMAL") && b.FailMode != "secure"
		if line != "" && !usual && !notOurs.MatchString(line) {
			own++
		}
	}
	if own > 0 {
		return fmt.Errorf("bridge %s has OpenFlow flows of its own by now (%d), which could not be brought back if the undo is not kept; first have the usual one instead: %s",
			b.Name, own, instead)
	}
	return nil
}
