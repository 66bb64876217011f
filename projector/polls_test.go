package projector

import "testing"

func TestPolls_Situations(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		steps []step
		want  []string
	}{
		{"a poll with votes", []step{
			after(1e9), pollOpened("ann", 1, "[0,0]"), pollUpdated("ann", 1, "[1, 0]"), after(5e9), pollClosed("ann", 1),
		}, []string{"ann 1 [1,0] 6 closed"}},
		{"hidden counts stay as told", []step{pollOpened("ann", 1, `["?","?"]`)}, []string{`ann 1 ["?","?"] - -`}},
		{"an open poll", []step{pollOpened("ann", 1, "[0,0]")}, []string{"ann 1 [0,0] - -"}},
		{
			"a new poll replaces the open one",
			[]step{pollOpened("ann", 1, "[2,0]"), pollOpened("bob", 9, "[0,0]")},
			[]string{"ann 1 [2,0] 9 replaced", "bob 9 [0,0] - -"},
		},
		{"told again at a join it is one poll", []step{
			arrived("ann"), pollOpened("ann", 1, "[0,0]"), after(30e9), disconnected("lost"), after(5e9),
			connected(), pollOpened("ann", 1, "[3,0]"), roster("ann"), pollClosed("ann", 1),
		}, []string{"ann 1 [3,0] 35 closed"}},
		{"closed while nobody looked", []step{
			arrived("ann"), pollOpened("ann", 1, "[1,0]"), after(30e9), counts(1, 1), after(3600e9), reconnected("ann"),
		}, []string{"ann 1 [1,0] 30 unobserved"}},
		{
			"closed by a name nobody saw open",
			[]step{pollOpened("ann", 1, "[1,0]"), after(3e9), pollClosedUnnamed()},
			[]string{"ann 1 [1,0] 3 closed"},
		},
		{"a late copy does not open it again", []step{
			recording(), pollOpened("ann", 1, "[2,1]"), after(9e9), pollClosed("ann", 1),
			by("B", pollOpened("Ann", 1, "[0,0]"), pollUpdated("ann", 1, "[1,0]"), pollClosed("ann", 1)),
		}, []string{"ann 1 [2,1] 9 closed"}},
		{"a late copy of a poll never seen does not replace the open one", []step{
			recording(), pollOpened("ann", 50, "[2,1]"), by("B", pollOpened("bob", 1, "[4,4]")), pollUpdated("ann", 50, "[3,1]"),
		}, []string{"bob 1 [4,4] 50 replaced", "ann 50 [3,1] - -"}},
		{"polls told of late each end with the next", []step{
			recording(), pollOpened("ann", 50, "[2,1]"),
			by("B", pollOpened("bob", 20, "[4,4]"), pollOpened("cy", 1, "[4,4]"), pollOpened("dan", 9, "[4,4]"), pollOpened("eve", 30, "[4,4]")),
		}, []string{
			"cy 1 [4,4] 20 replaced", "dan 9 [4,4] 20 replaced", "bob 20 [4,4] 50 replaced", "eve 30 [4,4] 50 replaced", "ann 50 [2,1] - -",
		}},
		{"one poll is open at a time, told of by votes alone too", []step{
			pollOpened("ann", 1, "[0,0]"), pollUpdated("bob", 2, "[1,0]"), pollUpdated("ann", 1, "[1,0]"), after(5e9), pollClosedUnnamed(),
		}, []string{"ann 1 [0,0] 2 replaced", "bob 2 [1,0] 5 closed"}},
		{"two channels", []step{
			pollOpened("ann", 1, "[0,0]"), in("radio", pollOpened("bob", 2, "[0,0]")), after(4e9), pollClosed("ann", 1),
		}, []string{"ann 1 [0,0] 4 closed", "bob 2 [0,0] - -"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantRows(t, projected(t, tt.steps...), "polls", pollRows, tt.want...)
		})
	}
}
