package spool

import (
	"context"
	"slices"
	"testing"
)

// Numbers of rows come again: a batch that is deleted a second time, after a commit that
// failed and was durable all the same, deletes no row of another event.
func TestState_DeletesNoOtherEventsRow(t *testing.T) {
	t.Parallel()
	s, _ := newSpool(t, nil)
	put(t, s, benchLine(1), benchLine(2), benchLine(3))
	var left []int64
	err := s.change(t.Context(), func(ctx context.Context, tx *session, st *state) error {
		rows := slices.Clone(st.tail.rows)
		for _, stale := range []func(*row){
			func(r *row) { r.seq += 3 },
			func(r *row) { r.producer = "another" },
		} {
			before := slices.Clone(rows)
			for i := range before {
				stale(&before[i])
			}
			if err := st.remove(ctx, tx, before); err != nil {
				return err
			}
			left = append(left, st.depth.Events)
		}
		err := st.remove(ctx, tx, rows[:2])
		left = append(left, st.depth.Events)
		return err
	})
	if err != nil || !slices.Equal(left, []int64{3, 3, 1}) {
		t.Errorf("left are %d, want [3 3 1]: %v", left, err)
	}
}
