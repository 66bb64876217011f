package standstill_test

import (
	"context"
	"testing"
	"time"

	"rosey/internal/standstill"
)

func TestOutlasting_EndsAfterItsContext(t *testing.T) {
	t.Parallel()
	ctx, end := context.WithCancel(t.Context())
	soon, cutSoon := standstill.Outlasting(ctx, 10*time.Millisecond)
	defer cutSoon()
	late, cutLate := standstill.Outlasting(ctx, time.Hour)
	if soon.Err() != nil {
		t.Error("it ended before its context")
	}
	end()
	<-soon.Done()
	if late.Err() != nil {
		t.Error("it ended before its limit")
	}
	cutLate()
	<-late.Done()
}
