package projector

import (
	"strconv"
	"testing"
)

// Each row is position, uid and whether it plays.
func TestPlaylist_Situations(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		steps []step
		want  []string
	}{
		{"a whole list", []step{list(3, 1, 2)}, []string{"1 3 0", "2 1 0", "3 2 0"}},
		{"a uid twice", []step{list(3, 1, 3)}, []string{"1 3 0", "2 1 0"}},
		{"replaced", []step{list(1, 2), list(9, 1)}, []string{"1 9 0", "2 1 0"}},
		{"emptied", []step{list(1, 2), current(1), list()}, nil},
		{"added to nothing", []step{added(1, "append")}, []string{"1 1 0"}},
		{
			"appended, prepended, put between",
			[]step{added(1, "append"), added(2, "append"), added(3, "prepend"), added(4, "1")},
			[]string{"1 3 0", "2 1 0", "3 4 0", "4 2 0"},
		},
		{"added twice moves", []step{list(1, 2), added(1, "append")}, []string{"1 2 0", "2 1 0"}},
		{"added twice and deleted is gone", []step{list(1, 2), added(1, "append"), removed(1)}, []string{"1 2 0"}},
		{"after somebody unknown goes to the end", []step{list(1, 2), added(3, "77")}, []string{"1 1 0", "2 2 0", "3 3 0"}},
		{"deleted", []step{list(1, 2, 3), removed(2), removed(77)}, []string{"1 1 0", "2 3 0"}},
		{"deleted and added again", []step{list(1, 2), removed(1), added(1, "append")}, []string{"1 2 0", "2 1 0"}},
		{"moved", []step{list(1, 2, 3), moved(3, "prepend"), moved(1, "append"), moved(2, "3")}, []string{"1 3 0", "2 2 0", "3 1 0"}},
		{"moved from nowhere", []step{list(1), moved(77, "prepend")}, []string{"1 1 0"}},
		{"the one that plays", []step{list(1, 2), current(2)}, []string{"1 1 0", "2 2 1"}},
		{"the one that played is deleted", []step{list(1, 2), current(2), removed(2)}, []string{"1 1 0"}},
		{"nothing plays any more", []step{list(1, 2), current(2), playedOut()}, []string{"1 1 0", "2 2 0"}},
		{"the leader alone", []step{recording(), list(1), by("B", list(2), added(3, "append"))}, []string{"1 1 0"}},
		{"two channels", []step{list(1), in("radio", list(2), removed(1))}, []string{"1 1 0"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantRows(t, projected(t, tt.steps...), "playlist", listRows, tt.want...)
		})
	}
}

func TestPlaylist_WhatPlays(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		last step
		want string
	}{
		{"the current one", after(0), "2"},
		{"it is deleted", removed(2), "-"},
		{"another is deleted", removed(1), "2"},
		{"all are deleted", list(), "-"},
		{"nothing plays", playedOut(), "-"},
	} {
		wantRows(t, projected(t, list(1, 2), current(2), tt.last), tt.name, "SELECT current FROM playlist_state", tt.want)
	}
}

func TestPlaylist_TempAndLock(t *testing.T) {
	t.Parallel()
	db := projected(t, list(1, 2), temp(2, true), temp(77, true), locked(true))
	wantRows(t, db, "items", "SELECT uid, temp, title, seconds, queued_by FROM playlist", "1 0 item 1 60 ann", "2 1 item 2 60 ann")
	wantRows(t, db, "state", "SELECT current, locked FROM playlist_state", "- 1")
}

// Between two neighbours there is room for twenty; then all are numbered anew.
func TestPlaylist_MovesBetweenTwoItemsForEver(t *testing.T) {
	t.Parallel()
	steps := []step{list(900, 2)}
	var want []string
	want = append(want, "1 900 0")
	const n = 60
	for i := range int64(n) {
		steps = append(steps, added(100+i, "900"))
		want = append(want, strconv.FormatInt(i+2, 10)+" "+strconv.FormatInt(100+n-1-i, 10)+" 0")
	}
	want = append(want, "62 2 0")
	wantRows(t, projected(t, steps...), "playlist", listRows, want...)
}

func TestPlaylist_OfThousands(t *testing.T) {
	t.Parallel()
	const n = 5000
	uids := make([]int64, n)
	for i := range uids {
		uids[i] = int64(i + 1)
	}
	db := projectedIn(t, 1, list(uids...), moved(n, "prepend"), removed(1))
	wantRows(t, db, "ends", "SELECT position, uid FROM playlist WHERE position IN (1, 2, 4999) ORDER BY position", "1 5000", "2 2", "4999 4999")
	wantRows(t, db, "items", "SELECT count(*) FROM playlist", "4999")
}
