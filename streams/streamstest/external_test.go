package streamstest

import "testing"

// Two servers of one cluster on the same port never start.
func TestFreePort_NobodyHasItTwice(t *testing.T) {
	t.Parallel()
	had := map[int]bool{}
	for range 500 {
		port := freePort(t)
		if had[port] {
			t.Fatalf("port %d was given twice", port)
		}
		had[port] = true
	}
}
