package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"rosey/events"
	"rosey/streams"
)

// appendEvent writes one event for machines. The data is the stored JSON, byte
// for byte, as long as it is JSON on one line; what is not JSON at all comes in
// base64 under another name.
func appendEvent(b []byte, seq uint64, subject string, at time.Time, data []byte) []byte {
	b = strconv.AppendUint(append(b, `{"seq":`...), seq, 10)
	b = appendJSON(append(b, `,"subject":`...), subject)
	b = append(b, `,"time":"`...)
	b = at.UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","data":`...)
	if line, ok := oneLine(data); ok {
		return append(append(b, line...), '}', '\n')
	}
	b = append(b, `null,"raw":`...)
	return append(appendJSON(b, data), '}', '\n')
}

func appendJSON(b []byte, v any) []byte {
	text, err := marshal(v)
	if err != nil { // texts and bytes always can be
		return append(b, "null"...)
	}
	return append(b, text...)
}

// what a line of the terminal holds of one event.
const maxWhat = 300

// appendLine writes one event for a person.
func appendLine(b []byte, s seen) []byte {
	at, channel, who, what := s.msg.Time, "", "", "cannot be read"
	kind := string(s.kind)
	if kind == "" {
		kind = s.msg.Subject
	}
	if e := s.event; e != nil {
		if e.TimeMS != 0 {
			at = time.UnixMilli(e.TimeMS)
		}
		channel = e.Channel
		who, what = describe(e, s.msg)
	}
	return fmt.Appendf(b, "%8d  %s  %s  %-16s  %s\n", s.msg.Seq, at.Local().Format(time.RFC3339), printable(orDash(channel)), printable(kind),
		strings.TrimSpace(printable(orDash(who))+"  "+clip(printable(what), maxWhat)))
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// describe says who did what.
func describe(e *events.Event, m streams.Message) (who, what string) {
	switch p := e.Payload.(type) {
	case *events.MessageLog:
		return p.Username, chatLine(p)
	case *events.MessagePrivate:
		return p.Username, "to " + p.Recipient + ": " + p.Message
	case *events.UserJoined:
		return p.Username, "rank " + decimal(p.Rank)
	case *events.UserLeft:
		return p.Username, ""
	case *events.UserUpdated:
		return p.Username, updates(p)
	case *events.UserRoster:
		return "", fmt.Sprintf("%d users", len(p.Users))
	case *events.Counts:
		return "", fmt.Sprintf("%d users of %d connected", p.Chat, p.Connected)
	case *events.MediaChanged:
		return p.QueuedBy, p.Title + " (" + p.Type + ":" + p.MediaID + ", " + p.Duration + ")"
	case *events.MediaUpdated:
		return "", "at " + lasting(int64(p.CurrentTime))
	case *events.PlaylistAdded:
		return p.QueuedBy, p.Title + " (" + p.Type + ":" + p.MediaID + ", " + p.Duration + ")"
	case *events.PlaylistReplaced:
		return "", fmt.Sprintf("%d bytes", len(p.Raw))
	case *events.Poll:
		return p.Initiator, p.Title + " " + string(p.Counts)
	case *events.PollClosed:
		return p.Initiator, ""
	case *events.BotStarted:
		return "", "producer " + p.Producer
	case *events.BotRecording:
		return "", "producer " + p.Producer
	case *events.BotConnected:
		return "", p.Server
	case *events.BotJoined:
		return p.Username, ""
	case *events.BotDisconnected:
		return "", strings.TrimSpace(p.Reason + " " + p.Detail)
	case *events.BotPart:
		return "", fmt.Sprintf("part %d of %d of a %s", p.Part, p.Parts, p.Whole)
	}
	return "", fields(m.Data)
}

func chatLine(p *events.MessageLog) string {
	var marks []string
	if p.Notice != "" {
		marks = append(marks, p.Notice)
	}
	if p.History {
		marks = append(marks, "sent again")
	}
	if p.Shadow {
		marks = append(marks, "shadow")
	}
	if len(marks) == 0 {
		return p.Message
	}
	return "(" + strings.Join(marks, ", ") + ") " + p.Message
}

func updates(p *events.UserUpdated) string {
	var list []string
	if p.Rank != nil {
		list = append(list, "rank "+decimal(*p.Rank))
	}
	for _, f := range []struct {
		is        *bool
		yes, back string
	}{{p.AFK, "away", "back"}, {p.Muted, "muted", "unmuted"}, {p.ShadowMuted, "shadow-muted", "not shadow-muted"}} {
		if f.is == nil {
			continue
		}
		if *f.is {
			list = append(list, f.yes)
		} else {
			list = append(list, f.back)
		}
	}
	if p.ProfileImage != nil || p.ProfileText != nil {
		list = append(list, "profile")
	}
	return strings.Join(list, ", ")
}

func decimal(n float64) string { return strconv.FormatFloat(n, 'g', -1, 64) }

// fields shows an event's own fields as they are, for kinds without a sentence:
// those, or what the channel's server sent.
func fields(data []byte) string {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil {
		return ""
	}
	sent := all["platform_data"]
	for _, common := range []string{"id", "v", "platform", "channel", "timestamp", "time_ms", "received_ms", "platform_data"} {
		delete(all, common)
	}
	if len(all) == 0 {
		var frame struct {
			Args json.RawMessage `json:"args"`
		}
		if err := json.Unmarshal(sent, &frame); err != nil {
			return ""
		}
		return string(frame.Args)
	}
	text, err := marshal(all)
	if err != nil {
		return ""
	}
	return string(text)
}
