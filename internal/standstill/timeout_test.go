package standstill

import (
	"context"
	"errors"
	"testing"
	"time"
)

// A machine on which everything is late all the time does not keep a limit from
// its end.
func TestWithTimeout_PardonsEnd(t *testing.T) {
	t.Parallel()
	ctx, cancel := WithTimeout(t.Context(), time.Hour)
	defer cancel()
	c, ok := ctx.(*limited)
	if !ok {
		t.Fatalf("it is a %T", ctx)
	}
	late := 0
	for ; ctx.Err() == nil; late++ {
		if late > 100 {
			t.Fatal("never ends")
		}
		c.tick(c.due.Add(time.Minute))
	}
	if late != pardons+parts || !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Errorf("ended after %d late pieces with %v", late, ctx.Err())
	}
	c.tick(c.due) // comes too late
}
