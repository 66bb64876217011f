package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// message is one message of the stream, as a line of the export tells of it.
type message struct {
	seq      int64
	subject  string
	streamMS int64
	msgID    *string // nil: the line does not say
	data     []byte
}

func parseMessage(text []byte) (message, error) {
	var l struct {
		Seq     int64           `json:"seq"`
		Subject string          `json:"subject"`
		Time    time.Time       `json:"time"`
		Data    json.RawMessage `json:"data"`
		Raw     []byte          `json:"raw"` // instead of data that is no JSON
		MsgID   *string         `json:"msg_id"`
	}
	if err := json.Unmarshal(text, &l); err != nil {
		return message{}, fmt.Errorf("no line of an export: %w", err)
	}
	if l.Seq <= 0 || l.Subject == "" {
		return message{}, errors.New("no line of an export: it lacks a sequence or a subject")
	}
	data := []byte(l.Data)
	if len(data) == 0 || string(data) == "null" && l.Raw != nil {
		data = l.Raw
	}
	return message{seq: l.Seq, subject: l.Subject, streamMS: l.Time.UnixMilli(), msgID: l.MsgID, data: data}, nil
}

// id is what the message is identified by: the header where the line tells of
// it, else the field of the body that repeats it.
func (msg message) id() string {
	if msg.msgID != nil {
		return *msg.msgID
	}
	var body struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(msg.data, &body) != nil && body.ID == "" {
		return ""
	}
	return body.ID
}

// families are the first tokens below which any kind may come.
var families = map[string]bool{
	"user": true, "media": true, "playlist": true, "poll": true, "channel": true, "bot": true, "cytube": true, "status": true,
	"operator": true,
}

// boundKinds share their first token with service subjects, so no other kind of
// those families is an event.
var boundKinds = []string{
	"stats.user_count", "stats.high_water", "message.log", "message.private", "messages.outbound.mark_sent", "messages.outbound.mark_failed",
}

// parseSubject finds the kind of event and the channel, which the subject may
// name as one more token. It reports false for a subject that carries no events.
func parseSubject(subject string) (kind, channel string, ok bool) {
	rest, ok := strings.CutPrefix(subject, "rosey.db.")
	tokens := strings.Split(rest, ".")
	for _, t := range tokens {
		if t == "" {
			ok = false
		}
	}
	if !ok {
		return "", "", false
	}
	for _, k := range boundKinds {
		if rest == k {
			return k, "", true
		}
		if token, found := strings.CutPrefix(rest, k+"."); found && !strings.Contains(token, ".") {
			return k, parseToken(token), true
		}
	}
	switch {
	case !families[tokens[0]] || len(tokens) < 2:
		return "", "", false
	case len(tokens) == 3:
		return tokens[0] + "." + tokens[1], parseToken(tokens[2]), true
	}
	return rest, "", true
}

// parseToken undoes the encoding of a name as one token: "=XX" is a byte, "="
// alone the empty name. What is not encoded so stands for itself.
func parseToken(token string) string {
	if token == "=" {
		return ""
	}
	plain := func(c byte) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
	}
	var b []byte
	for i := 0; i < len(token); i++ {
		if plain(token[i]) {
			b = append(b, token[i])
			continue
		}
		var c byte
		if token[i] != '=' || i+2 >= len(token) {
			return token
		}
		if n, err := fmt.Sscanf(token[i+1:i+3], "%02X", &c); n != 1 || err != nil || plain(c) || fmt.Sprintf("%02X", c) != token[i+1:i+3] {
			return token
		}
		b = append(b, c)
		i += 2
	}
	return string(b)
}
