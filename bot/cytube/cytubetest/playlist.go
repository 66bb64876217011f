package cytubetest

import (
	"fmt"
	"slices"
	"time"
)

// Media is something to play. Seconds 0 is a live stream, which has no end.
type Media struct {
	ID      string
	Title   string
	Type    string // default yt
	Seconds int
}

// playlist is the channel's list and what of it plays.
type playlist struct {
	items   []*playlistItem
	locked  bool
	nextUID int

	current   *playlistItem
	startedAt time.Time // when its lead-in began
	leadIn    bool
	lastSent  time.Time
}

type playlistItem struct {
	Media   mediaJSON `json:"media"`
	UID     int       `json:"uid"`
	Temp    bool      `json:"temp"`
	QueueBy string    `json:"queueby"`
}

type mediaJSON struct {
	ID       string         `json:"id"`
	Title    string         `json:"title"`
	Seconds  int            `json:"seconds"`
	Duration string         `json:"duration"`
	Type     string         `json:"type"`
	Meta     map[string]any `json:"meta"`
}

type playingJSON struct {
	mediaJSON
	mediaTime
}

type mediaTime struct {
	CurrentTime float64 `json:"currentTime"`
	Paused      bool    `json:"paused"`
}

type playlistMeta struct {
	Count   int    `json:"count"`
	RawTime int    `json:"rawTime"`
	Time    string `json:"time"`
}

const (
	leadIn       = 3 * time.Second
	mediaEvery   = 5 * time.Second
	afterTheLast = 2 * time.Second
)

func (m Media) json() mediaJSON {
	j := mediaJSON{ID: m.ID, Title: m.Title, Seconds: m.Seconds, Duration: "--:--", Type: m.Type, Meta: map[string]any{}}
	if j.Type == "" {
		j.Type = "yt"
	}
	if m.Seconds > 0 {
		j.Duration = clock(m.Seconds)
	}
	return j
}

func clock(seconds int) string {
	if seconds >= 3600 {
		return fmt.Sprintf("%02d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
	}
	return fmt.Sprintf("%02d:%02d", seconds/60, seconds%60)
}

// QueueMedia adds media at the end of the playlist and returns its uid. If
// nothing plays, it starts.
func (c *Channel) QueueMedia(by string, m Media) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queue(by, m, false).UID
}

func (c *Channel) queue(by string, m Media, temp bool) *playlistItem {
	list := &c.playlist
	item := &playlistItem{Media: m.json(), UID: list.nextUID, Temp: temp, QueueBy: by}
	list.nextUID++
	var after any = "prepend"
	if n := len(list.items); n > 0 {
		after = list.items[n-1].UID
	}
	list.items = append(list.items, item)
	c.send("queue", struct {
		Item  *playlistItem `json:"item"`
		After any           `json:"after"`
	}{item, after})
	c.send("setPlaylistMeta", c.playlistMeta())
	if list.current == nil {
		c.start(item)
	}
	return item
}

// PlayMedia adds media for one playing and starts it at once.
func (c *Channel) PlayMedia(by string, m Media) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	item := c.queue(by, m, true)
	if c.playlist.current != item {
		c.jump(item)
	}
	return item.UID
}

// PlayNext goes on to the next item of the playlist, the first after the last.
func (c *Channel) PlayNext() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.playNext()
}

func (c *Channel) playNext() {
	list := &c.playlist
	if len(list.items) == 0 {
		return
	}
	i := slices.Index(list.items, list.current) + 1
	c.jump(list.items[i%len(list.items)])
}

// jump starts item in place of the current one, which is deleted if temporary.
func (c *Channel) jump(item *playlistItem) {
	if old := c.playlist.current; old != nil && old != item && old.Temp {
		c.playlist.current = nil
		c.remove(old)
	}
	c.start(item)
}

func (c *Channel) start(item *playlistItem) {
	list := &c.playlist
	list.current, list.startedAt, list.leadIn = item, c.cfg.Now(), item.Media.Seconds > 0
	list.lastSent = list.startedAt
	c.drinks = 0
	c.count(func(l *Ledger) { l.MediaStarts++ })
	c.send("setCurrent", item.UID)
	c.send("changeMedia", c.playing())
	c.send("drinkCount", 0)
	c.send("voteskip", voteskip{})
}

// RemoveMedia deletes an item. If it plays, the next one starts.
func (c *Channel) RemoveMedia(uid int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	item := c.item(uid)
	if item == nil {
		return fmt.Errorf("cytubetest: no item %d in the playlist", uid)
	}
	list := &c.playlist
	i, wasCurrent := slices.Index(list.items, item), list.current == item
	c.remove(item)
	if wasCurrent {
		list.current = nil
		if n := len(list.items); n > 0 {
			c.start(list.items[i%n])
		}
	}
	return nil
}

func (c *Channel) remove(item *playlistItem) {
	list := &c.playlist
	list.items = slices.DeleteFunc(list.items, func(i *playlistItem) bool { return i == item })
	c.send("delete", map[string]int{"uid": item.UID})
	c.send("setPlaylistMeta", c.playlistMeta())
}

// MoveMedia puts an item behind another; after -1 puts it in front.
func (c *Channel) MoveMedia(uid, after int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	item, before := c.item(uid), c.item(after)
	if item == nil || (before == nil && after != -1) || item == before {
		return fmt.Errorf("cytubetest: cannot move item %d behind %d", uid, after)
	}
	list := &c.playlist
	list.items = slices.DeleteFunc(list.items, func(i *playlistItem) bool { return i == item })
	var where any = "prepend"
	if before != nil {
		where = after
	}
	list.items = slices.Insert(list.items, slices.Index(list.items, before)+1, item)
	c.send("moveVideo", struct {
		From  int `json:"from"`
		After any `json:"after"`
	}{uid, where})
	return nil
}

// ClearPlaylist empties the playlist. No event says that nothing plays any more.
func (c *Channel) ClearPlaylist() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.playlist.items, c.playlist.current = nil, nil
	c.send("playlist", []any{})
	c.send("setPlaylistMeta", c.playlistMeta())
}

// LockPlaylist says who may add to the playlist.
func (c *Channel) LockPlaylist(locked bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.playlist.locked = locked
	c.send("setPlaylistLocked", locked)
}

func (c *Channel) item(uid int) *playlistItem {
	for _, item := range c.playlist.items {
		if item.UID == uid {
			return item
		}
	}
	return nil
}

func (c *Channel) playlistItems() []*playlistItem {
	return append([]*playlistItem{}, c.playlist.items...)
}

func (c *Channel) playlistMeta() playlistMeta {
	total := 0
	for _, item := range c.playlist.items {
		total += item.Media.Seconds
	}
	return playlistMeta{len(c.playlist.items), total, clock(total)}
}

// playing is the current item with its time.
func (c *Channel) playing() playingJSON {
	list := &c.playlist
	return playingJSON{list.current.Media, c.mediaTime()}
}

func (c *Channel) mediaTime() mediaTime {
	list := &c.playlist
	if list.current.Media.Seconds == 0 {
		return mediaTime{}
	}
	at := c.cfg.Now().Sub(list.startedAt) - leadIn
	return mediaTime{CurrentTime: at.Seconds(), Paused: at < 0}
}

// advanceMedia does what is due by time: the end of the lead-in, the regular
// update, the end of the item.
func (c *Channel) advanceMedia() {
	list := &c.playlist
	if list.current == nil || list.current.Media.Seconds == 0 {
		return
	}
	now := c.cfg.Now()
	at := now.Sub(list.startedAt) - leadIn
	length := time.Duration(list.current.Media.Seconds) * time.Second
	switch {
	case at >= length+afterTheLast:
		c.finish()
	case list.leadIn && at >= 0:
		list.leadIn, list.lastSent = false, now
		c.send("mediaUpdate", mediaTime{})
	case now.Sub(list.lastSent) >= mediaEvery:
		list.lastSent = now
		c.send("mediaUpdate", c.mediaTime())
	}
}

// finish ends the current item by itself.
func (c *Channel) finish() {
	list := &c.playlist
	old := list.current
	i := slices.Index(list.items, old)
	if !old.Temp {
		c.start(list.items[(i+1)%len(list.items)])
		return
	}
	list.current = nil
	c.remove(old)
	if n := len(list.items); n > 0 {
		c.start(list.items[i%n])
	}
}
