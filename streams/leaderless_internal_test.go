package streams

import (
	"testing"
	"time"
)

// Questions of one outage share the wait; those of another have one of their own.
func TestConn_EachOutageHasAWaitOfItsOwn(t *testing.T) {
	t.Parallel()
	c := &Conn{leaderWait: 30 * time.Second}
	start := time.Now()
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	for _, q := range []struct {
		begin, now int
		want       bool
	}{
		{0, 0, true}, {0, 29, true}, {20, 29, true}, {0, 31, false}, {40, 40, false}, // given up
		{71, 71, true}, {71, 100, true}, {71, 102, false},
	} {
		if got := c.electionGoesOn(at(q.begin), at(q.now)); got != q.want {
			t.Errorf("a question of %d s, at %d s, is worth asking again: %t, want %t", q.begin, q.now, got, q.want)
		}
	}
}
