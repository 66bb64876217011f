package outbound

import (
	"strings"
	"time"
)

// ahead is how long a message waits for earlier ones that another bot has in hand:
// while the lead passes from one to the other both may be in the channel. Who was
// lost with a message in hand holds the next ones up no longer than a lease lasts,
// and programs that fetch messages hold up nobody.
func (s *Sender) ahead(m Message, now time.Time) time.Duration {
	wait := time.Duration(0)
	for _, o := range s.open {
		if o.State != Claimed && o.State != Sending || o.Holder == s.cfg.Producer || strings.HasPrefix(o.Holder, callerPrefix) || byPosition(o, m) >= 0 {
			continue
		}
		since := s.seen[o.ID]
		if !o.Changed.IsZero() && o.Changed.Before(since) {
			since = o.Changed
		}
		wait = max(wait, s.cfg.OrderWait-now.Sub(since))
	}
	return wait
}

// may reports whether anything may be begun: this run is not to end, and no other
// records the channel.
func (s *Sender) may() bool { return !s.stopped() && s.cfg.Leads() }
