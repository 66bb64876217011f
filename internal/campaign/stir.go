package campaign

import (
	"fmt"
	"slices"

	"rosey/bot/cytube/cytubetest"
)

const (
	visitors = 30 // people who come and go
	queued   = 12 // items that the playlist has at most
)

// stir does one of the many other things that happen in a channel, so that each
// projection has something to do. What cannot be done just now is not done:
// somebody may be absent, or no poll open.
func (t *talk) stir() {
	c, r := t.channel, t.rand
	visitor := fmt.Sprint("visitor", r.IntN(visitors))
	someone := speakers[r.IntN(len(speakers))]
	switch r.IntN(16) {
	case 0, 1, 2:
		_ = c.JoinAs(visitor, float64(r.IntN(3)))
	case 3, 4:
		_ = c.Leave(visitor)
	case 5:
		_ = c.SetAFK(visitor, r.IntN(2) == 0)
	case 6:
		c.PlayMedia(someone, media(r.IntN(1000))) // it leaves the playlist with the next one
	case 7:
		t.items = append(t.items, c.QueueMedia(someone, media(r.IntN(1000))))
	case 8, 9:
		t.playlist()
	case 10:
		c.OpenPoll(someone, fmt.Sprintf("which of %d?", r.IntN(1000)), "this", "that", "neither & nor")
	case 11, 12:
		_ = c.Vote(someone, r.IntN(3))
	case 13:
		_ = c.ClosePoll()
	case 14:
		_ = c.SetRank(visitor, float64(1+r.IntN(3)))
	case 15:
		t.remark(someone, visitor)
	}
}

// remark is something that is said and is no line of chat by a person.
func (t *talk) remark(someone, visitor string) {
	c, r := t.channel, t.rand
	switch r.IntN(5) {
	case 0:
		c.Notice("[server]", "maintenance <b>soon</b>")
	case 1:
		_ = c.PM(someone, "rosey", "psst")
	case 2:
		_ = c.Kick(visitor, "not here, please")
	case 3:
		c.SetMotd(fmt.Sprintf("<b>motd</b> %d", r.IntN(1000)))
	case 4:
		c.Drink()
	}
}

// playlist moves or removes an item, and keeps the list short: each join brings
// all of it.
func (t *talk) playlist() {
	n := len(t.items)
	switch {
	case n == 0:
	case n > queued || t.rand.IntN(3) == 0:
		i := t.rand.IntN(n)
		_ = t.channel.RemoveMedia(t.items[i])
		t.items = slices.Delete(t.items, i, i+1)
	case t.rand.IntN(2) == 0:
		_ = t.channel.MoveMedia(t.items[t.rand.IntN(n)], t.items[t.rand.IntN(n)])
	default:
		t.channel.PlayNext()
	}
}

func media(n int) cytubetest.Media {
	return cytubetest.Media{ID: fmt.Sprintf("id%07d", n), Title: fmt.Sprintf("Title №%d <%d>", n, n), Type: "yt", Seconds: 60 + n}
}
