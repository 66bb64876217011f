package outbound

import (
	"context"
	"time"
)

// question is how the sender finds out that a line without an answer gets none any
// more. The server answers in the order in which it was written to, so a private
// message to oneself, which it refuses before it counts or shows anything, has its
// answer behind that of every line before it.
//
// It is asked twice, the second time once the first was answered: a chat line is
// put off for an instant by the server, and the answer to what came with it in one
// piece is before its own.
type question struct {
	asking bool
	since  time.Time // when it was asked about these lines first
	about  int       // the number of the last of them
	left   int       // so many answers are missing
	// took means that a refusal came that may have been about one of them.
	took bool
}

// toOneself is what the server says to it.
const toOneself = "You can't PM yourself!"

// rounds is how often it is asked.
const rounds = 2

// open reports whether an answer to a line may still come.
func (r *room) open(f *flight) bool { return f.visit == r.visit && f.number > r.silent }

// owed lists the lines that were given up and that a refusal may be about.
func (r *room) owed(v landing) (list []*flight) {
	for _, f := range r.lost {
		if r.open(f) && f.number > r.excused && v.fits(f) {
			list = append(list, f)
		}
	}
	return list
}

// owes reports whether lines of the visit were given up whose end may still come.
func (r *room) owes() bool { return len(r.owed(landing{})) > 0 }

// quiet notes that no answer comes any more to a line, nor to those before it.
func (r *room) quiet(number int) { r.silent = max(r.silent, number) }

// ask reports whether the question is to be asked now, and in whose name.
func (r *room) ask(now time.Time) (name string, ok bool) {
	if !r.joined || r.self.name == "" || r.asked.asking {
		return "", false
	}
	if !r.owes() && (r.flight == nil || !r.open(r.flight)) {
		r.asked = question{}
		return "", false
	}
	if r.asked.left == 0 {
		r.asked = question{since: now, about: r.flown, left: rounds}
	}
	r.asked.asking = true
	return r.self.name, true
}

// answered takes the answer to the question.
func (r *room) answered() {
	if !r.asked.asking {
		return
	}
	r.asked.asking = false
	if r.asked.left--; r.asked.left == 0 {
		r.quiet(r.asked.about)
	}
}

// doubt begins anew to ask, after a refusal that may have been about the line on its
// way or about one before it. A question that is under way is older than that line.
func (r *room) doubt(now time.Time) {
	left := rounds
	if r.asked.asking {
		left++
	}
	r.asked = question{asking: r.asked.asking, since: now, about: r.flown, left: left, took: true}
}

// unsure is how long the next line waits for the question to be answered. Once that
// is over, and one refusal was taken for an answer to what was given up, no second
// one is.
func (r *room) unsure(now time.Time, patience time.Duration) time.Duration {
	if !r.owes() {
		return 0
	}
	wait := r.asked.since.Add(patience).Sub(now)
	if wait <= 0 && r.asked.took {
		r.excused = r.asked.about
	}
	return max(0, wait)
}

// ask asks where that is due.
func (s *Sender) ask(ctx context.Context, visit uint64) {
	s.mu.Lock()
	name, ok := s.room.ask(s.cfg.Now())
	s.mu.Unlock()
	if !ok {
		return
	}
	// Where it cannot be written the line to the channel is lost.
	if err := s.cfg.Line.SendIn(ctx, visit, "pm", map[string]any{"to": name, "msg": "?", "meta": map[string]any{}}); err != nil {
		s.log.Debug("what became of a line cannot be asked", "err", err)
	}
}

// askAfter is how long a line may take before it is asked whether it was dropped,
// and how long the next one waits for the answer.
func (s *Sender) askAfter() time.Duration { return s.cfg.EchoTimeout / 2 }

// unsure asks about lines that were given up, and returns how long the next one
// waits for the answer.
func (s *Sender) unsure(ctx context.Context, v view, now time.Time) time.Duration {
	s.ask(ctx, v.visit)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.room.unsure(now, s.askAfter())
}

// cooled has the pace learn of refusals for flooding that were not surely about one
// line.
func (s *Sender) cooled(v view) {
	s.mu.Lock()
	list := s.room.cooled
	s.room.cooled = nil
	s.mu.Unlock()
	for _, l := range list {
		s.paceOf(v.visit).refused(l.heard, v.rate, l.pause)
		s.hush(l, v.rate)
	}
}

// hush lets everything wait for as long as a refusal for flooding demands.
func (s *Sender) hush(l landing, rate Rate) {
	s.quiet = l.heard.Add(safe(max(l.pause, rate.interval())))
}
