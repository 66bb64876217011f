package spool

import (
	"testing"
	"time"
)

func TestPace_TakesWhatIsFaster(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	tests := []struct {
		name          string
		single, batch time.Duration
		n             int
		want          bool
	}{
		{"one event, whatever it takes", 50 * ms, ms, 1, true},
		{"nothing is known yet", 0, 0, 16, true},
		{"nothing is known of batches", 5 * ms, 0, 16, true},
		{"more than the most", ms / 100, 50 * ms, 17, false},
		{"cheap syncs, dear batches: a few", ms / 4, 4 * ms, 16, true},
		{"dear syncs: two", 5 * ms, 8 * ms, 2, false},
		{"as long either way", 2 * ms, 4 * ms, 2, true},
	}
	for _, tt := range tests {
		p := pace{most: maxSingly, single: tt.single, batch: tt.batch}
		if got := p.singly(tt.n); got != tt.want {
			t.Errorf("%s: singly(%d) is %t, want %t", tt.name, tt.n, got, tt.want)
		}
	}
}

// A disk that was slow for a moment does not decide for good.
func TestPace_TriesAgainWhatWasSlow(t *testing.T) {
	t.Parallel()
	p := pace{most: maxSingly}
	p.sent(1, time.Second)
	p.batched(4, 4*time.Millisecond)
	for range 1000 {
		if p.singly(4) {
			p.sent(4, time.Millisecond)
			break
		}
		p.batched(4, 4*time.Millisecond)
	}
	for range 10 {
		p.sent(4, time.Millisecond)
	}
	if !p.singly(4) {
		t.Errorf("four events of %v each go as a batch of %v", p.single, p.batch)
	}
}
