package bot

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"

	"rosey/events"
)

// item finds an item of the playlist as far as the bot sees it.
func (s *session) item(uid *int64) *events.PlaylistItem {
	if uid == nil {
		return nil
	}
	if i := s.itemIndex(*uid); i >= 0 {
		return &s.items[i]
	}
	return nil
}

func (s *session) itemIndex(uid int64) int {
	return slices.IndexFunc(s.items, func(it events.PlaylistItem) bool { return it.UID == uid })
}

func readPlaylist(t *Translator, f *frame) (events.Payload, error) {
	raw, err := bulk(f, '[')
	if err != nil {
		return nil, err
	}
	items, err := events.ParsePlaylist(raw)
	if err != nil {
		return nil, errShape
	}
	t.session.items = items
	if len(items) == 0 {
		t.session.mayEnd(f.at, endCleared)
	}
	return &events.PlaylistReplaced{Raw: raw}, nil
}

// wireAfter is a position: the uid of the item before, or a word.
type wireAfter string

func (a *wireAfter) UnmarshalJSON(data []byte) error {
	var uid int64
	if json.Unmarshal(data, &uid) == nil && !isNull(data) {
		*a = wireAfter(strconv.FormatInt(uid, 10))
		return nil
	}
	var word string
	if json.Unmarshal(data, &word) != nil {
		return errShape
	}
	*a = wireAfter(word)
	return nil
}

func readQueue(t *Translator, f *frame) (events.Payload, error) {
	w, err := argument[struct {
		Item  json.RawMessage `json:"item"`
		After *wireAfter      `json:"after"`
	}](f)
	if err != nil || w.After == nil || !bytes.HasPrefix(w.Item, []byte("{")) {
		return nil, errShape
	}
	item, err := events.ParsePlaylistItem(w.Item)
	if err != nil {
		return nil, errShape
	}
	// The order does not matter here: items are looked up by uid.
	t.session.items = append(t.session.items, item)
	return &events.PlaylistAdded{PlaylistItem: item, After: string(*w.After)}, nil
}

func readDelete(t *Translator, f *frame) (events.Payload, error) {
	w, err := argument[struct {
		UID *int64 `json:"uid"`
	}](f)
	if err != nil || w.UID == nil {
		return nil, errShape
	}
	s := &t.session
	if i := s.itemIndex(*w.UID); i >= 0 {
		s.items = slices.Delete(s.items, i, i+1)
	}
	if p := s.playing; p != nil && p.uid != nil && *p.uid == *w.UID {
		s.mayEnd(f.at, endRemoved)
	}
	return &events.PlaylistRemoved{UID: *w.UID}, nil
}

func readMoveVideo(_ *Translator, f *frame) (events.Payload, error) {
	w, err := argument[struct {
		From  *int64     `json:"from"`
		After *wireAfter `json:"after"`
	}](f)
	if err != nil || w.From == nil || w.After == nil {
		return nil, errShape
	}
	return &events.PlaylistMoved{UID: *w.From, After: string(*w.After)}, nil
}

func readSetTemp(t *Translator, f *frame) (events.Payload, error) {
	w, err := argument[struct {
		UID  *int64 `json:"uid"`
		Temp *bool  `json:"temp"`
	}](f)
	if err != nil || w.UID == nil || w.Temp == nil {
		return nil, errShape
	}
	if item := t.session.item(w.UID); item != nil {
		item.Temp = *w.Temp
	}
	return &events.PlaylistTemp{UID: *w.UID, Temp: *w.Temp}, nil
}

func readSetCurrent(t *Translator, f *frame) (events.Payload, error) {
	uid, err := argument[int64](f)
	if err != nil {
		return nil, err
	}
	s := &t.session
	s.nextUID = &uid
	if p := s.playing; p != nil && s.ending == nil {
		// Alone, it tells the uid anew: the bot has come to see the playlist, or
		// a shuffle has numbered it again.
		if item := s.item(&uid); item != nil && item.MediaID == p.id {
			p.uid = &uid
		}
	}
	s.ending = nil
	return &events.PlaylistCurrent{UID: uid}, nil
}

func readSetPlaylistMeta(t *Translator, f *frame) (events.Payload, error) {
	w, err := argument[struct {
		Count   *int64   `json:"count"`
		RawTime *float64 `json:"rawTime"`
	}](f)
	if err != nil || w.Count == nil || w.RawTime == nil {
		return nil, errShape
	}
	s := &t.session
	s.itemCount = w.Count
	if *w.Count == 0 && s.ending == nil {
		// The last item went, in a playlist that the bot may not see.
		s.mayEnd(f.at, endRemoved)
	}
	return &events.PlaylistMeta{Count: *w.Count, Seconds: *w.RawTime}, nil
}

func readSetPlaylistLocked(_ *Translator, f *frame) (events.Payload, error) {
	locked, err := argument[bool](f)
	if err != nil {
		return nil, err
	}
	return &events.PlaylistLocked{Locked: locked}, nil
}
