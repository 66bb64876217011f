package model

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
)

// item is one item of a playlist.
type item struct {
	uid                       int64
	mediaType, mediaID, title string
	seconds                   float64
	temp                      bool
	queuedBy                  string
}

// playlist is the playlist of one channel, in order.
type playlist struct {
	items   []item
	current *int64 // also of an item that the bot may not see
	locked  *bool
}

// parseList reads CyTube's own form of a playlist.
func parseList(data json.RawMessage) ([]item, error) {
	if len(data) == 0 {
		return nil, nil
	}
	var wire []struct {
		Media struct {
			ID      string  `json:"id"`
			Title   string  `json:"title"`
			Seconds float64 `json:"seconds"`
			Type    string  `json:"type"`
		} `json:"media"`
		UID     int64  `json:"uid"`
		Temp    bool   `json:"temp"`
		QueueBy string `json:"queueby"`
	}
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&wire); err != nil {
		return nil, err
	}
	var list []item
	for _, x := range wire {
		list = append(list, item{x.UID, x.Media.Type, x.Media.ID, x.Media.Title, x.Media.Seconds, x.Temp, x.QueueBy})
	}
	return list, nil
}

// playlist follows the list as the leader tells it.
func (m *Model) playlist(e *event, w watch) {
	if !w.leading {
		return
	}
	l := m.lists[e.channelName]
	if l == nil {
		l = &playlist{}
		m.lists[e.channelName] = l
	}
	uid := e.integer("uid")
	switch e.kind {
	case "playlist.replaced":
		l.replace(e.raw("items"))
	case "playlist.added":
		l.take(uid) // told twice it moves
		l.put(item{
			uid, e.text("media_type"), e.text("media_id"), e.text("title"), e.number("seconds"), e.truth("temp"), e.text("queued_by"),
		}, e.text("after"))
	case "playlist.removed":
		l.take(uid)
		if l.current != nil && *l.current == uid {
			l.current = nil
		}
	case "playlist.moved":
		if it, ok := l.take(uid); ok {
			l.put(it, e.text("after"))
		}
	case "playlist.temp":
		if i := l.index(uid); i >= 0 {
			l.items[i].temp = e.truth("temp")
		}
	case "playlist.current":
		l.current = &uid
	case "playlist.locked":
		l.locked = ptr(e.truth("locked"))
	case "media.ended":
		l.current = nil
	}
}

func (l *playlist) replace(data json.RawMessage) {
	list, _ := parseList(data) // makesSense has read it
	l.items = nil
	for _, it := range list {
		if l.index(it.uid) < 0 {
			l.items = append(l.items, it)
		}
	}
	if len(l.items) == 0 {
		l.current = nil
	}
}

func (l *playlist) index(uid int64) int {
	return slices.IndexFunc(l.items, func(it item) bool { return it.uid == uid })
}

func (l *playlist) take(uid int64) (item, bool) {
	i := l.index(uid)
	if i < 0 {
		return item{}, false
	}
	it := l.items[i]
	l.items = slices.Delete(l.items, i, i+1)
	return it, true
}

// put puts an item first, last, or after another; after an unknown one is last.
func (l *playlist) put(it item, after string) {
	at := len(l.items)
	if uid, err := strconv.ParseInt(after, 10, 64); err == nil && l.index(uid) >= 0 {
		at = l.index(uid) + 1
	} else if after == "prepend" {
		at = 0
	}
	l.items = slices.Insert(l.items, at, it)
}
