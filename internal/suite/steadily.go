package suite

import (
	"testing"
	"time"

	"rosey/internal/standstill"
)

// attempts bounds Steadily.
const attempts = 20

// Steadily is for what must not happen on a machine that goes on all the time. Where
// the machine stood still for as long as is given, a failure proves nothing, and it is
// tried again.
func Steadily(t testing.TB, still time.Duration, try func() error) {
	t.Helper()
	for attempt := 1; ; attempt++ {
		watch := standstill.NewWatch()
		err := try()
		switch stood := watch.Stop(); {
		case err == nil:
			return
		case stood < still:
			t.Fatal(err)
		case attempt == attempts:
			t.Fatalf("%v, on a machine that stands still again and again, the last time for %s", err, stood)
		}
	}
}
