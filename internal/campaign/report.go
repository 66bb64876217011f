package campaign

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"rosey/internal/campaign/speech"
)

// Report is what a campaign came to.
type Report struct {
	Seed          uint64  `json:"seed"` // of the first segment
	SegmentCycles int     `json:"segment_cycles"`
	Segments      int     `json:"segments"`
	Cycles        int     `json:"cycles"`
	Kills         int     `json:"kills"` // processes that were killed, several in some cycles
	Lines         int     `json:"lines"`
	Events        int     `json:"events"` // in the streams
	Seconds       float64 `json:"seconds"`

	Faults []Fault `json:"faults"`
	// NotFired are the kinds that fired less often than they were planned, or never
	// although the campaign was long enough for all.
	NotFired []string `json:"not_fired"`

	Lost        int `json:"lost"`
	Duplicated  int `json:"duplicated"`
	Differences int `json:"differences"`
	// Outbound is what became of what the bots were asked to say.
	Outbound speech.Figures `json:"outbound"`
	// Failures are what went wrong, each with what repeats it.
	Failures []Failure `json:"failures"`
}

// Fault counts one kind of fault.
type Fault struct {
	Kind    string `json:"kind"`
	Planned int    `json:"planned"`
	Fired   int    `json:"fired"`
}

// Failure is one thing that went wrong.
type Failure struct {
	Seed   uint64 `json:"seed"`   // of the segment
	Layout string `json:"layout"` // of the segment
	Folder string `json:"folder"` // what it left
	What   string `json:"what"`
	Log    string `json:"log,omitempty"` // last words of the process it is about
}

// Error makes a failure end a segment.
func (f *Failure) Error() string {
	if f.Log == "" {
		return f.What
	}
	return f.What + "\n" + f.Log
}

// OK reports whether nothing went wrong and every fault that was dealt out fired.
func (r *Report) OK() bool {
	return len(r.Failures) == 0 && len(r.NotFired) == 0 && r.Lost == 0 && r.Duplicated == 0 && r.Differences == 0 && r.Cycles > 0
}

// add takes the results of a segment in.
func (r *Report) add(s result) {
	r.Segments++
	r.Cycles += s.cycles
	r.Kills += s.kills
	r.Lines += s.lines
	r.Events += s.events
	r.Lost += s.lost
	r.Duplicated += s.duplicated
	r.Differences += s.differences
	r.Outbound.Add(s.outbound)
	r.Failures = append(r.Failures, s.failures...)
	for _, f := range s.faults {
		i := slices.IndexFunc(r.Faults, func(o Fault) bool { return o.Kind == f.Kind })
		if i < 0 {
			i = len(r.Faults)
			r.Faults = append(r.Faults, Fault{Kind: f.Kind})
		}
		r.Faults[i].Planned += f.Planned
		r.Faults[i].Fired += f.Fired
	}
}

// finish sums up.
func (r *Report) finish(took time.Duration) {
	r.Seconds = took.Seconds()
	kinds := Kinds()
	// A campaign of so many cycles has come by everything.
	long := r.Cycles >= 5*len(kinds)
	slices.SortFunc(r.Faults, func(a, b Fault) int { return slices.Index(kinds, a.Kind) - slices.Index(kinds, b.Kind) })
	for _, kind := range kinds {
		i := slices.IndexFunc(r.Faults, func(f Fault) bool { return f.Kind == kind })
		switch {
		case i < 0 && long:
			r.NotFired = append(r.NotFired, kind)
		case i >= 0 && r.Faults[i].Fired < r.Faults[i].Planned:
			r.NotFired = append(r.NotFired, fmt.Sprintf("%s (%d of %d)", kind, r.Faults[i].Planned-r.Faults[i].Fired, r.Faults[i].Planned))
		}
	}
}

// Write prints the report for people.
func (r *Report) Write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%-30s %8s %8s\n", "fault", "planned", "fired")
	for _, f := range r.Faults {
		fmt.Fprintf(&b, "%-30s %8d %8d\n", f.Kind, f.Planned, f.Fired)
	}
	fmt.Fprintf(&b, "\ncycles       %d in %d segments, %d processes killed\n", r.Cycles, r.Segments, r.Kills)
	fmt.Fprintf(&b, "events       %d in the streams, %d of them lines of chat that count\n", r.Events, r.Lines)
	fmt.Fprintf(&b, "lost         %d\nduplicated   %d\ndifferences  %d\n", r.Lost, r.Duplicated, r.Differences)
	fmt.Fprintf(&b, "outbound     %s\n", r.Outbound.String())
	fmt.Fprintf(&b, "not fired    %s\n", none(r.NotFired))
	fmt.Fprintf(&b, "seeds        %d to %d\n", r.Seed, r.Seed+uint64(max(r.Segments, 1))-1)
	fmt.Fprintf(&b, "took         %s\n", time.Duration(r.Seconds*float64(time.Second)).Round(time.Second))
	for _, f := range r.Failures {
		fmt.Fprintf(&b, "\nFAILED       seed %d, %s, see %s\nrepeat       go run ./internal/campaign/run --seed %d --cycles %d --segment-cycles %d\n%s\n",
			f.Seed, f.Layout, f.Folder, f.Seed, r.SegmentCycles, r.SegmentCycles, f.What)
		if f.Log != "" {
			fmt.Fprintf(&b, "last words of the process:\n%s\n", f.Log)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func none(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}
