package events

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// PlaylistItem is one item of a channel's playlist.
type PlaylistItem struct {
	UID      int64
	Type     string
	MediaID  string
	Title    string
	Seconds  float64
	Duration string
	Temp     bool
	QueuedBy string
}

func (p *PlaylistItem) fields(c *coder) {
	c.integer("uid", &p.UID)
	c.str("media_type", &p.Type, "type")
	c.str("media_id", &p.MediaID)
	c.str("title", &p.Title)
	c.float("seconds", &p.Seconds)
	c.str("duration", &p.Duration)
	c.boolean("temp", &p.Temp)
	c.text("queued_by", &p.QueuedBy, "queueby")
}

// PlaylistReplaced is the whole playlist. Raw holds CyTube's array untouched:
// the largest thing a channel sends is carried once.
type PlaylistReplaced struct {
	Raw json.RawMessage
}

func (p *PlaylistReplaced) fields(c *coder) { c.raw("items", &p.Raw) }

// ParsePlaylist reads CyTube's own form of a playlist.
func ParsePlaylist(raw json.RawMessage) ([]PlaylistItem, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	var wire []wireItem
	if err := json.Unmarshal(raw, &wire); err != nil {
		return nil, fmt.Errorf("events: playlist items: %w", err)
	}
	items := make([]PlaylistItem, len(wire))
	for i, w := range wire {
		items[i] = w.item()
	}
	return items, nil
}

// ParsePlaylistItem reads CyTube's own form of one playlist item.
func ParsePlaylistItem(raw json.RawMessage) (PlaylistItem, error) {
	var w wireItem
	if err := json.Unmarshal(raw, &w); err != nil {
		return PlaylistItem{}, fmt.Errorf("events: playlist item: %w", err)
	}
	return w.item(), nil
}

type wireItem struct {
	Media struct {
		ID       string  `json:"id"`
		Title    string  `json:"title"`
		Seconds  float64 `json:"seconds"`
		Duration string  `json:"duration"`
		Type     string  `json:"type"`
	} `json:"media"`
	UID     int64  `json:"uid"`
	Temp    bool   `json:"temp"`
	QueueBy string `json:"queueby"`
}

func (w wireItem) item() PlaylistItem {
	return PlaylistItem{
		UID: w.UID, Type: w.Media.Type, MediaID: w.Media.ID, Title: w.Media.Title,
		Seconds: w.Media.Seconds, Duration: w.Media.Duration, Temp: w.Temp, QueuedBy: w.QueueBy,
	}
}

// Positions that are not the uid of another item.
const (
	Prepend = "prepend"
	Append  = "append"
)

// PlaylistAdded is one new item. After is the uid it follows in decimal, or
// Prepend or Append.
type PlaylistAdded struct {
	PlaylistItem
	After string
}

func (p *PlaylistAdded) fields(c *coder) {
	p.PlaylistItem.fields(c)
	c.str("after", &p.After)
}

// PlaylistRemoved is one item gone, removed or played.
type PlaylistRemoved struct{ UID int64 }

func (p *PlaylistRemoved) fields(c *coder) { c.integer("uid", &p.UID) }

// PlaylistMoved is one item at another place.
type PlaylistMoved struct {
	UID   int64
	After string
}

func (p *PlaylistMoved) fields(c *coder) {
	c.integer("uid", &p.UID)
	c.str("after", &p.After)
}

// AfterUID reads a position; it reports false for Prepend and Append.
func AfterUID(after string) (int64, bool) {
	n, err := strconv.ParseInt(after, 10, 64)
	return n, err == nil
}

// PlaylistTemp says whether an item goes once it has played.
type PlaylistTemp struct {
	UID  int64
	Temp bool
}

func (p *PlaylistTemp) fields(c *coder) {
	c.integer("uid", &p.UID)
	c.boolean("temp", &p.Temp)
}

// PlaylistCurrent names the item that is about to play.
type PlaylistCurrent struct{ UID int64 }

func (p *PlaylistCurrent) fields(c *coder) { c.integer("uid", &p.UID) }

// PlaylistMeta is the size of the playlist, told also to those who may not see it.
type PlaylistMeta struct {
	Count   int64
	Seconds float64
}

func (p *PlaylistMeta) fields(c *coder) {
	c.integer("count", &p.Count)
	c.float("seconds", &p.Seconds)
}

// PlaylistLocked says whether ordinary users may add to the playlist.
type PlaylistLocked struct{ Locked bool }

func (p *PlaylistLocked) fields(c *coder) { c.boolean("locked", &p.Locked) }
