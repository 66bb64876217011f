package query_test

import (
	"fmt"
	"sync"
	"testing"

	"rosey/streams/streamstest"
)

// Equal questions are read together; each caller gets the answer to its own.
func TestService_EachGetsTheAnswerToItsOwnQuestion(t *testing.T) {
	t.Parallel()
	d := newDesk(t, streamstest.New(t), "main")
	e := newEvening(t)
	const users = 8
	for i := range users {
		for range i + 1 {
			e.said(fmt.Sprint("user", i), "hi")
		}
	}
	d.tell(e)
	var wg sync.WaitGroup
	for i := range 20 * users {
		wg.Go(func() {
			name, lines := fmt.Sprint("user", i%users), int64(i%users+1)
			list, err := d.client.UserStats(t.Context(), "tv", name)
			if err != nil || len(list) != 1 || list[0].Username != name || list[0].TotalChatLines != lines {
				t.Errorf("%s: got %+v, %v", name, list, err)
			}
		})
	}
	wg.Wait()
}
