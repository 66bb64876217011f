package speech

import (
	"fmt"
	"slices"
	"strings"

	"rosey/bot/outbound"
)

// Verdict is what Judge comes to.
type Verdict struct {
	Figures
	// Lost names messages that the queue has lost, or calls sent although they were
	// not shown; Twice those that were shown more than once; Wrong whatever else does
	// not agree.
	Lost, Twice, Wrong []string
}

// OK reports whether everything is as it should be.
func (v *Verdict) OK() bool { return len(v.Lost)+len(v.Twice)+len(v.Wrong) == 0 }

// String is all that is wrong.
func (v *Verdict) String() string {
	return strings.Join(slices.Concat(v.Lost, v.Twice, v.Wrong), "\n")
}

func (v *Verdict) lost(format string, args ...any) {
	v.Lost = append(v.Lost, fmt.Sprintf(format, args...))
}
func (v *Verdict) twice(format string, args ...any) {
	v.Twice = append(v.Twice, fmt.Sprintf(format, args...))
}
func (v *Verdict) wrong(format string, args ...any) {
	v.Wrong = append(v.Wrong, fmt.Sprintf(format, args...))
}

// showing is what the channel has shown of one message.
type showing struct {
	words map[int]int // how often each was shown
	lines []int       // in the order of all lines
}

// Judge holds the evidence of all against each other.
func (e *Evidence) Judge() *Verdict {
	v := &Verdict{Figures: Figures{Queued: len(e.Asked), Punished: e.Dropped.Flood, Reasons: map[string]int{}}}
	seen := e.seen(v)
	final := map[int64]outbound.Message{}
	for _, m := range e.Final {
		final[m.ID] = m
	}
	marks, rows := e.outcomes(v, final)
	for _, a := range e.Asked {
		m, found := final[a.ID]
		if !found {
			v.lost("the queue does not have message %d (id %d)", a.N, a.ID)
			continue
		}
		if len(e.Final) > 0 && m.Text != a.Text {
			v.wrong("message %d (id %d) has another text in the queue", a.N, a.ID)
		}
		e.one(v, a, m, seen[a.N])
		agree(v, a, m, marks[a.ID], rows[a.ID])
	}
	if len(final) != len(e.Asked) {
		v.wrong("the queue holds %d messages, %d were asked for", len(final), len(e.Asked))
	}
	e.order(v, final, seen)
	if v.Punished > 0 {
		v.wrong("%d lines were punished for flooding", v.Punished)
	}
	if v.Unknown > e.Deaths {
		v.wrong("%d messages are unknown after %d deaths", v.Unknown, e.Deaths)
	}
	return v
}

// seen counts the words of all lines.
func (e *Evidence) seen(v *Verdict) map[int]*showing {
	asked := map[int]Asked{}
	for _, a := range e.Asked {
		asked[a.N] = a
	}
	seen := map[int]*showing{}
	for i, line := range e.Shown {
		of := wordsOf(line.Text)
		if len(of) == 0 {
			v.wrong("the channel showed a line that nobody asked for, number %d", i)
			continue
		}
		for _, w := range of {
			n, k := w[0], w[1]
			a, ok := asked[n]
			if !ok || k > a.Words || n != of[0][0] || !strings.EqualFold(line.To, a.To) {
				v.wrong("the channel showed a line that nobody asked for, with word w%d.%d", n, k)
				continue
			}
			if seen[n] == nil {
				seen[n] = &showing{words: map[int]int{}}
			}
			seen[n].words[k]++
		}
		if s := seen[of[0][0]]; s != nil {
			s.lines = append(s.lines, i)
		}
	}
	return seen
}

// one judges one message by what was shown of it.
func (e *Evidence) one(v *Verdict, a Asked, m outbound.Message, s *showing) {
	if s == nil {
		s = &showing{words: map[int]int{}}
	}
	for k, times := range s.words {
		if times > 1 {
			v.twice("message %d (id %d, %s): word %d was shown %d times", a.N, a.ID, m.State, k, times)
			break
		}
	}
	v.count(m, len(s.words) > 0)
	switch m.State {
	case outbound.Sent:
		e.shown(v, a, m, s)
	case outbound.Failed, outbound.Abandoned, outbound.Cancelled:
		if len(s.words) > 0 && m.PartsSent == 0 {
			v.wrong("message %d (id %d) is %s (%s) and was shown", a.N, a.ID, m.State, m.Reason)
		}
	case outbound.Unknown:
	default:
		v.lost("message %d (id %d) is still %s (%s)", a.N, a.ID, m.State, m.Reason)
	}
	if m.State != outbound.Sent && m.State != outbound.Cancelled && m.Reason == "" {
		v.wrong("message %d (id %d) is %s without a reason", a.N, a.ID, m.State)
	}
	for kind, reason := range map[Kind]string{TooLong: outbound.ReasonTooLong, Command: outbound.ReasonCommand} {
		if a.Kind == kind && (m.State != outbound.Failed || m.Reason != reason) {
			v.wrong("message %d (id %d) is %s (%s), want it failed (%s)", a.N, a.ID, m.State, m.Reason, reason)
		}
	}
}

// shown judges a message that is called sent.
func (e *Evidence) shown(v *Verdict, a Asked, m outbound.Message, s *showing) {
	if len(s.words) < a.Words {
		v.lost("message %d (id %d) is sent, and %d of its %d words were not shown", a.N, a.ID, a.Words-len(s.words), a.Words)
		return
	}
	if a.Kind != Split && e.Shown[s.lines[0]].Text != a.line() {
		v.wrong("message %d (id %d) was shown with another text", a.N, a.ID)
	}
	if !slices.ContainsFunc(s.lines, func(i int) bool { return e.Shown[i].TimeMS == m.SentMS }) {
		v.wrong("message %d (id %d) is said to have been shown at another time", a.N, a.ID)
	}
	if a.Kind == Later && e.Shown[s.lines[0]].TimeMS < m.NotBeforeMS {
		v.wrong("message %d (id %d) was shown before its time", a.N, a.ID)
	}
}

// order wants what was sent at the first attempt to be shown as it was queued. A
// death makes late what was claimed just then.
func (e *Evidence) order(v *Verdict, final map[int64]outbound.Message, seen map[int]*showing) {
	type turn struct {
		line     int
		position uint64
	}
	var turns []turn
	for _, a := range e.Asked {
		m, s := final[a.ID], seen[a.N]
		if m.State == outbound.Sent && m.Attempts <= 1 && a.Kind != Later && s != nil {
			turns = append(turns, turn{s.lines[0], m.Position})
		}
	}
	slices.SortFunc(turns, func(a, b turn) int { return a.line - b.line })
	positions := make([]uint64, len(turns))
	for i, t := range turns {
		positions[i] = t.position
	}
	if v.Late = late(positions); v.Late > e.Deaths {
		v.wrong("%d messages were shown out of turn after %d deaths", v.Late, e.Deaths)
	}
}

// late is how few have to be taken out of a list so that the rest is ascending.
func late(list []uint64) int {
	var tails []uint64 // of the best ascending lists of each length
	for _, x := range list {
		i, _ := slices.BinarySearch(tails, x)
		if i == len(tails) {
			tails = append(tails, x)
		} else {
			tails[i] = x
		}
	}
	return len(list) - len(tails)
}
