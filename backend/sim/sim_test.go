package sim_test

import "context"

var tctx = context.Background()
