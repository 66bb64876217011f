package speech

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"rosey/bot/outbound"
)

// Figures say in numbers what became of messages.
type Figures struct {
	Queued int `json:"queued"`
	// ByService are those among Queued that went through the service, where the test
	// tells; the others were put straight into the bucket.
	ByService int `json:"by_service"`
	Sent      int `json:"sent"`
	Failed    int `json:"failed"`
	Abandoned int `json:"abandoned"`
	Cancelled int `json:"cancelled"` // by the test, so as not to wait for a next attempt
	Unknown   int `json:"unknown"`
	// UnknownShown are those among Unknown that were shown.
	UnknownShown int `json:"unknown_shown"`
	Retried      int `json:"retried"` // took more than one attempt
	Late         int `json:"late"`    // shown out of turn
	Punished     int `json:"punished"`
	// Reasons counts those of messages that were not sent, by state.
	Reasons map[string]int `json:"reasons"`
}

func (f *Figures) count(m outbound.Message, shown bool) {
	if m.Attempts > 1 {
		f.Retried++
	}
	switch m.State {
	case outbound.Sent:
		f.Sent++
		return
	case outbound.Failed:
		f.Failed++
	case outbound.Abandoned:
		f.Abandoned++
	case outbound.Cancelled:
		f.Cancelled++
	case outbound.Unknown:
		f.Unknown++
		if shown {
			f.UnknownShown++
		}
	}
	f.Reasons[string(m.State)+" "+m.Reason]++
}

// Add takes other figures in.
func (f *Figures) Add(o Figures) {
	f.Queued += o.Queued
	f.ByService += o.ByService
	f.Sent += o.Sent
	f.Failed += o.Failed
	f.Abandoned += o.Abandoned
	f.Cancelled += o.Cancelled
	f.Unknown += o.Unknown
	f.UnknownShown += o.UnknownShown
	f.Retried += o.Retried
	f.Late += o.Late
	f.Punished += o.Punished
	if f.Reasons == nil {
		f.Reasons = map[string]int{}
	}
	for reason, n := range o.Reasons {
		f.Reasons[reason] += n
	}
}

// String is the figures in one line.
func (f *Figures) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d queued", f.Queued)
	if f.ByService > 0 {
		fmt.Fprintf(&b, " (%d through the service)", f.ByService)
	}
	fmt.Fprintf(&b, ", %d sent, %d failed, %d abandoned, %d cancelled, %d unknown (%d of them shown), %d tried again, %d out of turn, %d punished",
		f.Sent, f.Failed, f.Abandoned, f.Cancelled, f.Unknown, f.UnknownShown, f.Retried, f.Late, f.Punished)
	for i, reason := range slices.Sorted(maps.Keys(f.Reasons)) {
		sep := "; "
		if i > 0 {
			sep = ", "
		}
		fmt.Fprintf(&b, "%s%s %d", sep, strings.TrimSpace(reason), f.Reasons[reason])
	}
	return b.String()
}
