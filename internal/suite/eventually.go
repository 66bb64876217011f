package suite

import (
	"testing"
	"time"
)

// patience bounds every wait. A machine that is busy with other things must not
// fail a test.
const patience = 2 * time.Minute

// Eventually waits until something holds, and ends the test where it never does.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}
