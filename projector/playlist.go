package projector

import (
	"context"
	"database/sql"
	"slices"

	"rosey/events"
	"rosey/schema"
)

// playlist projects playlist_items and playlist_state.
type playlist struct {
	channels map[string]*listing
}

// listing is one channel's playlist in order. Items carry a sort key with room
// between them, so that a move changes one row, not all.
type listing struct {
	items    []*listed
	changed  bool // some item's row is to be written or deleted
	replaced bool // write all of it
	gone     []int64

	current    *int64
	locked     *bool
	stateDirty bool
}

type listed struct {
	events.PlaylistItem
	key   int64
	dirty bool
}

// keyStep is the room between two items of a fresh list.
const keyStep = 1 << 20

func newPlaylist() projection { return &playlist{channels: map[string]*listing{}} }

func (p *playlist) channel(name string) *listing {
	l := p.channels[name]
	if l == nil {
		l = &listing{}
		p.channels[name] = l
	}
	return l
}

func (p *playlist) load(ctx context.Context, q schema.Queryer) error {
	err := each(ctx, q, func(r *sql.Rows) error {
		var channel string
		var it listed
		if err := r.Scan(&channel, &it.UID, &it.key, &it.Type, &it.MediaID, &it.Title, &it.Seconds, &it.Temp, &it.QueuedBy); err != nil {
			return err
		}
		l := p.channel(channel)
		l.items = append(l.items, &it)
		return nil
	}, `SELECT channel, uid, sort_key, media_type, media_id, title, seconds, temp, queued_by FROM playlist_items ORDER BY channel, sort_key`)
	if err != nil {
		return err
	}
	return each(ctx, q, func(r *sql.Rows) error {
		var channel string
		var current sql.NullInt64
		var locked sql.NullBool
		if err := r.Scan(&channel, &current, &locked); err != nil {
			return err
		}
		l := p.channel(channel)
		if current.Valid {
			l.current = &current.Int64
		}
		if locked.Valid {
			l.locked = &locked.Bool
		}
		return nil
	}, "SELECT channel, current, locked FROM playlist_state")
}

func (p *playlist) prepare(context.Context, schema.Queryer, []*fact) error { return nil }

func (p *playlist) fold(f *fact) error {
	if !f.leading {
		return nil
	}
	switch e := f.Payload.(type) {
	case *events.PlaylistReplaced:
		items, err := events.ParsePlaylist(e.Raw)
		if err != nil {
			return err
		}
		p.channel(f.Channel).replace(items)
	case *events.PlaylistAdded:
		p.channel(f.Channel).insert(&listed{PlaylistItem: e.PlaylistItem}, e.After)
	case *events.PlaylistRemoved:
		l := p.channel(f.Channel)
		l.take(e.UID)
		if l.current != nil && *l.current == e.UID {
			l.current, l.stateDirty = nil, true
		}
	case *events.PlaylistMoved:
		l := p.channel(f.Channel)
		if it := l.take(e.UID); it != nil {
			l.insert(it, e.After)
		}
	case *events.PlaylistTemp:
		l := p.channel(f.Channel)
		if i := l.index(e.UID); i >= 0 {
			l.items[i].Temp, l.items[i].dirty, l.changed = e.Temp, true, true
		}
	case *events.PlaylistCurrent:
		l := p.channel(f.Channel)
		l.current, l.stateDirty = &e.UID, true
	case *events.PlaylistLocked:
		l := p.channel(f.Channel)
		l.locked, l.stateDirty = &e.Locked, true
	case *events.MediaEnded:
		l := p.channel(f.Channel)
		l.current, l.stateDirty = nil, true
	}
	return nil
}

func (l *listing) index(uid int64) int {
	return slices.IndexFunc(l.items, func(it *listed) bool { return it.UID == uid })
}

func (l *listing) replace(items []events.PlaylistItem) {
	l.items = l.items[:0:0]
	seen := map[int64]bool{}
	for _, it := range items {
		if seen[it.UID] {
			continue
		}
		seen[it.UID] = true
		l.items = append(l.items, &listed{PlaylistItem: it})
	}
	l.renumber()
	if len(l.items) == 0 {
		l.current, l.stateDirty = nil, true
	}
}

func (l *listing) renumber() {
	l.changed, l.replaced = true, true
	for i, it := range l.items {
		it.key = int64(i+1) * keyStep
	}
}

// take removes an item from the list and returns it.
func (l *listing) take(uid int64) *listed {
	i := l.index(uid)
	if i < 0 {
		return nil
	}
	it := l.items[i]
	l.items = slices.Delete(l.items, i, i+1)
	l.gone, l.changed = append(l.gone, uid), true
	return it
}

// insert puts an item at a position. One whose predecessor is unknown goes to
// the end: the next whole list puts it right.
func (l *listing) insert(it *listed, after string) {
	l.take(it.UID)
	at := len(l.items)
	if after == events.Prepend {
		at = 0
	} else if uid, ok := events.AfterUID(after); ok {
		if i := l.index(uid); i >= 0 {
			at = i + 1
		}
	}
	l.items = slices.Insert(l.items, at, it)
	it.dirty, l.changed = true, true
	switch {
	case len(l.items) == 1:
		it.key = keyStep
	case at == 0:
		it.key = l.items[1].key - keyStep
	case at == len(l.items)-1:
		it.key = l.items[at-1].key + keyStep
	default:
		before, next := l.items[at-1].key, l.items[at+1].key
		if next-before < 2 {
			l.renumber()
			return
		}
		it.key = before + (next-before)/2
	}
}

func (p *playlist) flush(ctx context.Context, w *writer) error {
	const columns = "sort_key, media_type, media_id, title, seconds, temp, queued_by"
	items := &bulk{head: "INSERT INTO playlist_items (channel, uid, " + columns + ") VALUES", cols: 9, tail: upsert("channel, uid", columns)}
	states := &bulk{head: "INSERT INTO playlist_state (channel, current, locked) VALUES", cols: 3, tail: upsert("channel", "current, locked")}
	for _, name := range sortedKeys(p.channels) {
		l := p.channels[name]
		if l.changed {
			if err := l.forget(ctx, w, name); err != nil {
				return err
			}
			l.rows(name, items)
		}
		if l.stateDirty {
			l.stateDirty = false
			var locked any
			if l.locked != nil {
				locked = boolean(*l.locked)
			}
			states.add(name, optional(l.current), locked)
		}
	}
	if err := items.flush(ctx, w); err != nil {
		return err
	}
	return states.flush(ctx, w)
}

// rows adds the items whose rows change.
func (l *listing) rows(channel string, b *bulk) {
	for _, it := range l.items {
		if it.dirty || l.replaced {
			it.dirty = false
			b.add(channel, it.UID, it.key, it.Type, it.MediaID, it.Title, it.Seconds, boolean(it.Temp), it.QueuedBy)
		}
	}
	l.changed, l.replaced = false, false
}

// forget deletes the rows of items that are no longer there.
func (l *listing) forget(ctx context.Context, w *writer, channel string) error {
	defer func() { l.gone = l.gone[:0] }()
	if l.replaced {
		return w.exec(ctx, "DELETE FROM playlist_items WHERE channel = ?", channel)
	}
	for _, uid := range l.gone {
		if l.index(uid) >= 0 {
			continue
		}
		if err := w.exec(ctx, "DELETE FROM playlist_items WHERE channel = ? AND uid = ?", channel, uid); err != nil {
			return err
		}
	}
	return nil
}
