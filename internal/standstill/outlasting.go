package standstill

import (
	"context"
	"time"
)

// Outlasting returns a context that ends a limit after ctx has, counted as
// WithTimeout does: for what the end of ctx must not cut short.
func Outlasting(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	kept, cut := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		limited, over := WithTimeout(kept, limit)
		defer over()
		<-limited.Done()
		cut()
	})
	return kept, func() {
		stop()
		cut()
	}
}
