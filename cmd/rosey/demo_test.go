package main

import (
	"testing"
	"testing/synctest"
	"time"
)

// What was said last is recorded, also where the machine stands still before it is
// read.
func TestAwaitQuiet_AStandstillIsNotQuiet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		looks, read := 0, uint64(1)
		var at time.Time
		awaitQuiet(t.Context(), func() uint64 {
			switch looks++; looks {
			case 3:
				time.Sleep(2 * countEvery)
			case 4:
				read, at = 2, time.Now()
			}
			return read
		})
		if read != 2 || time.Since(at) < countEvery {
			t.Errorf("it waits no more %s after the last of %d frames", time.Since(at), read)
		}
		begun := time.Now()
		awaitQuiet(t.Context(), func() uint64 { read++; return read })
		if took := time.Since(begun); took > 10*countEvery {
			t.Errorf("frames that come all the time were waited for, for %s", took)
		}
	})
}
