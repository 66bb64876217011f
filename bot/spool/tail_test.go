package spool

import (
	"fmt"
	"slices"
	"testing"
)

// The tail is always the end of the queue, whatever is put and whatever leaves, and
// only where it is all of the queue is it sent from.
func TestTail_IsTheEndOfTheQueue(t *testing.T) {
	t.Parallel()
	ids := func(rows []row) (list []int64) {
		for _, r := range rows {
			list = append(list, r.id)
		}
		return list
	}
	var queue []row
	var end tail
	add := func(n, size int) {
		for range n {
			r := row{id: 1, data: make([]byte, size)}
			if len(queue) > 0 {
				r.id = queue[len(queue)-1].id + 1
			}
			queue = append(queue, r)
			end.add(&r)
		}
	}
	remove := func(from, to int) {
		gone := slices.Clone(queue[from:to])
		queue = slices.Delete(queue, from, to)
		end.remove(gone)
	}
	check := func(what string, whole bool) {
		t.Helper()
		at := len(queue) - len(end.rows)
		if at < 0 || !slices.Equal(ids(end.rows), ids(queue[at:])) {
			t.Fatalf("%s: the tail is not the end of the queue", what)
		}
		total := 0
		for _, r := range end.rows {
			total += len(r.data)
		}
		if total != end.bytes || len(end.rows) > maxTail || len(end.rows) > 1 && total > maxTailBytes {
			t.Fatalf("%s: %d rows with %d bytes, counted as %d", what, len(end.rows), total, end.bytes)
		}
		if got := end.whole(int64(len(queue))); (got != nil) != whole || whole && !slices.Equal(ids(got), ids(queue)) {
			t.Fatalf("%s: the whole queue is %v of %v", what, ids(got), ids(queue))
		}
	}
	add(3, 10)
	check("three put", true)
	remove(0, 2)
	check("two sent", true)
	add(maxTail, 10)
	check("more than it holds put", false)
	remove(0, len(queue)-len(end.rows))
	check("the file's part sent", true)
	add(2, maxTailBytes/2+1)
	check("bulky ones put", false)
	remove(0, len(queue))
	check("all sent", false)
	add(5, 10)
	remove(1, 3)
	check("some in the middle found in the stream", false)
	add(1, 10)
	check("one more put", false)
	remove(0, 3)
	check("what was before it sent", true)
	for i := range 3 {
		add(1, 10)
		check(fmt.Sprint("put after that ", i), true)
	}
}
