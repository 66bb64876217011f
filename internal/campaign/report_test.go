package campaign

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// A fault that was dealt out and did not fire proves nothing, however often
// others of its kind did.
func TestReport_EachPlannedFaultHasToFire(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		faults []Fault
		want   []string
	}{
		{"all fired", []Fault{{"kill bot", 3, 3}, {"kill server", 1, 1}}, nil},
		{"one of three did not", []Fault{{"kill bot", 3, 2}, {"kill server", 1, 1}}, []string{"kill bot (1 of 3)"}},
		{"none did", []Fault{{"kill bot", 2, 0}}, []string{"kill bot (2 of 2)"}},
	} {
		var r Report
		r.add(result{cycles: 3, faults: tt.faults})
		r.finish(time.Second)
		if !slices.Equal(r.NotFired, tt.want) || r.OK() != (tt.want == nil) {
			t.Errorf("%s: not fired %q, ok %t, want %q", tt.name, r.NotFired, r.OK(), tt.want)
		}
		var text strings.Builder
		if err := r.Write(&text); err != nil {
			t.Fatal(err)
		}
		for _, w := range tt.want {
			if !strings.Contains(text.String(), w) {
				t.Errorf("%s: the report does not say %q:\n%s", tt.name, w, text.String())
			}
		}
	}
}
