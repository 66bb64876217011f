package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
)

// field is one member of a JSON object, in the order of the text.
type field struct {
	name  string
	value json.RawMessage
}

// fieldsOf reads an object and nothing after it.
func fieldsOf(data []byte) ([]field, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("no JSON object")
	}
	var list []field
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name, _ := t.(string)
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return nil, err
		}
		list = append(list, field{name, raw})
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON object")
	}
	return list, nil
}

// form is how a field's value must look. null stands for a value that is not
// there, in every form.
type form int

const (
	text    form = iota // string
	integer             // int64: any number, its fraction dropped
	whole               // int64: as integer, or a text of digits
	number              // float64
	truth               // bool
	texts               // []string
	users               // []values
	raw                 // json.RawMessage: anything
)

// spec is one field of a payload: its name, then older spellings of it.
type spec struct {
	form  form
	names []string
}

func f(form form, names ...string) spec { return spec{form, names} }

var (
	userFields = []spec{f(text, "username", "name"), f(number, "rank"), f(truth, "afk", "is_afk")}
	itemFields = []spec{
		f(integer, "uid"), f(text, "media_type", "type"), f(text, "media_id"), f(text, "title"), f(number, "seconds"), f(text, "duration"),
		f(truth, "temp"), f(text, "queued_by", "queueby"),
	}
	countFields = []spec{f(integer, "chat_count", "user_count"), f(integer, "connected_count", "connected_users")}
	pollFields  = []spec{
		f(text, "title"), f(texts, "options"), f(raw, "counts"), f(text, "initiator"), f(integer, "opened_ms"), f(truth, "resumed"),
	}
	emoteFields = []spec{f(text, "name"), f(text, "image"), f(text, "old")}
	markFields  = []spec{
		f(whole, "message_id"), f(text, "message"), f(integer, "queued_ms"), f(integer, "sent_ms"), f(integer, "attempts"), f(text, "reason", "error"),
		f(text, "recipient"), f(text, "state"), f(truth, "permanent", "is_permanent"),
	}
)

// payloads are the kinds of events that have fields of their own. Every other
// kind is carried through unread.
var payloads = map[string][]spec{
	"user.joined": userFields,
	"user.left":   {f(text, "username")},
	"user.roster": {f(users, "users")},
	"user.updated": {
		f(text, "username"), f(number, "rank"), f(truth, "afk", "is_afk"), f(truth, "muted"), f(truth, "shadow_muted"),
		f(text, "profile_image"), f(text, "profile_text"),
	},
	"message.log": {
		f(text, "username"), f(text, "message", "msg"), f(truth, "history"), f(text, "notice"), f(text, "style"), f(truth, "shadow"),
	},
	"message.private":  {f(text, "username"), f(text, "recipient"), f(text, "message", "msg")},
	"stats.user_count": countFields,
	"stats.high_water": countFields,
	"status.update": {
		f(text, "bot_name", "name"), f(number, "bot_rank", "rank"), f(truth, "bot_afk", "is_afk", "afk"), f(text, "channel_name"),
		f(integer, "current_chat_users", "chat_users", "chat_count", "user_count"),
		f(integer, "current_connected_users", "connected_users", "connected_count"), f(integer, "playlist_items"),
		f(text, "current_media_title", "media_title"), f(text, "current_media_duration", "media_duration"),
		f(integer, "bot_start_time", "start_time"), f(truth, "bot_connected", "connected"), f(text, "disconnect_reason"),
	},
	"media.changed": {
		f(text, "media_type", "type"), f(text, "media_id"), f(text, "title"), f(number, "seconds"), f(text, "duration"), f(number, "current_time"),
		f(truth, "paused"), f(integer, "uid"), f(text, "queued_by"), f(truth, "resumed"),
	},
	"media.updated":         {f(number, "current_time"), f(truth, "paused")},
	"media.ended":           {f(text, "media_type", "type"), f(text, "media_id"), f(text, "reason")},
	"playlist.replaced":     {f(raw, "items")},
	"playlist.added":        append([]spec{f(text, "after")}, itemFields...),
	"playlist.removed":      {f(integer, "uid")},
	"playlist.moved":        {f(integer, "uid"), f(text, "after")},
	"playlist.temp":         {f(integer, "uid"), f(truth, "temp")},
	"playlist.current":      {f(integer, "uid")},
	"playlist.meta":         {f(integer, "count"), f(number, "seconds")},
	"playlist.locked":       {f(truth, "locked")},
	"poll.opened":           pollFields,
	"poll.updated":          pollFields,
	"poll.closed":           {f(text, "initiator"), f(integer, "opened_ms")},
	"channel.motd":          {f(text, "motd")},
	"channel.options":       {f(raw, "options")},
	"channel.permissions":   {f(raw, "permissions")},
	"channel.style":         {f(raw, "style")},
	"channel.emotes":        {f(raw, "emotes")},
	"channel.emote_updated": emoteFields,
	"channel.emote_renamed": emoteFields,
	"channel.emote_removed": emoteFields,
	"channel.chat_cleared":  {f(text, "username")},
	"channel.leader":        {f(text, "username")},
	"channel.drink_count":   {f(number, "count")},
	"channel.announcement":  {f(text, "title"), f(text, "text"), f(text, "from")},
	"bot.started":           {f(text, "producer"), f(text, "previous"), f(integer, "previous_seq"), f(text, "bot_version")},
	"bot.recording":         {f(text, "producer"), f(integer, "term")},
	"bot.connected":         {f(text, "server")},
	"bot.joined":            {f(text, "username"), f(truth, "guest")},
	"bot.disconnected":      {f(text, "reason"), f(text, "detail"), f(integer, "observed_ms")},
	"bot.kicked":            {f(text, "reason")},
	"bot.stopped":           {f(text, "reason")},
	"bot.unreadable":        {f(integer, "bytes"), f(text, "reason")},
	"bot.part":              {f(text, "of"), f(text, "kind"), f(integer, "part"), f(integer, "parts"), f(text, "data")},
	"bot.set_aside":         {f(text, "kind"), f(integer, "bytes"), f(text, "reason")},

	"operator.gap_accepted":   {f(integer, "first_seq"), f(integer, "last_seq"), f(integer, "checkpoint_seq")},
	"operator.stream_adopted": {f(text, "stream_id"), f(text, "previous_id"), f(integer, "seq"), f(text, "msg_id")},

	"messages.outbound.mark_sent":   markFields,
	"messages.outbound.mark_failed": markFields,
}

// values are the fields of a payload by their published names. One that is
// missing, or null, is not among them.
type values map[string]any

func (v values) text(name string) string         { s, _ := v[name].(string); return s }
func (v values) integer(name string) int64       { n, _ := v[name].(int64); return n }
func (v values) number(name string) float64      { n, _ := v[name].(float64); return n }
func (v values) truth(name string) bool          { b, _ := v[name].(bool); return b }
func (v values) raw(name string) json.RawMessage { r, _ := v[name].(json.RawMessage); return r }

// take reads a field that one of the specs names. The last one counts where a
// field comes twice, in whatever spelling.
func (v values) take(specs []spec, fd field) error {
	for _, s := range specs {
		for _, name := range s.names {
			if name != fd.name {
				continue
			}
			val, err := read(s.form, fd.value)
			if err != nil {
				return fmt.Errorf("field %q: %w", fd.name, err)
			}
			if val == nil {
				delete(v, s.names[0])
			} else {
				v[s.names[0]] = val
			}
			return nil
		}
	}
	return nil
}

// digits is the number that a text of digits stands for.
func digits(s string) (any, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return nil, fmt.Errorf("no decimal number: %w", err)
	}
	return int64(n), nil
}

func read(want form, data json.RawMessage) (any, error) {
	if string(data) == "null" && want != raw {
		return nil, nil
	}
	switch want {
	case text:
		return as[string](data)
	case integer:
		return readInteger(data)
	case whole:
		if data[0] == '"' {
			s, err := as[string](data)
			if err != nil {
				return nil, err
			}
			return digits(s.(string))
		}
		return readInteger(data)
	case number:
		return as[float64](data)
	case truth:
		return as[bool](data)
	case texts:
		return as[[]string](data)
	case users:
		return readUsers(data)
	}
	return data, nil
}

func as[T any](data json.RawMessage) (any, error) {
	var v T
	err := json.Unmarshal(data, &v)
	return v, err
}

// readInteger drops a fraction: older publishers wrote times so.
func readInteger(data json.RawMessage) (any, error) {
	if n, err := strconv.ParseInt(string(data), 10, 64); err == nil {
		return n, nil
	}
	var v float64
	if err := json.Unmarshal(data, &v); err != nil {
		return nil, err
	}
	if v >= math.MaxInt64 || v <= math.MinInt64 {
		return nil, errors.New("out of range")
	}
	return int64(v), nil
}

func readUsers(data json.RawMessage) (any, error) {
	var items []json.RawMessage
	if err := json.Unmarshal(data, &items); err != nil {
		return nil, err
	}
	list := make([]values, 0, len(items))
	for _, item := range items {
		u := values{}
		if string(item) != "null" {
			fields, err := fieldsOf(item)
			if err != nil {
				return nil, err
			}
			for _, fd := range fields {
				if err := u.take(userFields, fd); err != nil {
					return nil, err
				}
			}
		}
		list = append(list, u)
	}
	return list, nil
}
