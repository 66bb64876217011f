package model_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"rosey/events"
	"rosey/internal/campaign/model"
	"rosey/projector"
	"rosey/streams"

	"pgregory.net/rapid"
)

const (
	epochMS     = 1_700_000_000_000
	mainChannel = "tv"
)

var identity = streams.Identity{ID: "11111111-2222-3333-4444-555555555555", Created: time.UnixMilli(epochMS)}

// history is a stream being written: by several producers, on a clock of theirs
// that steps back now and then.
type history struct {
	now      int64 // the recorders' clock, Unix milliseconds
	stream   int64 // the server's clock, which does not step back
	numbers  map[string]uint64
	seq      uint64
	messages []streams.Message
}

func newHistory() *history {
	return &history{now: epochMS, stream: epochMS, numbers: map[string]uint64{}}
}

// who says something where.
type who struct{ producer, channel string }

// say appends an event under the producer's next number.
func (h *history) say(w who, kind events.Kind, p events.Payload, change ...func(*events.Event)) {
	e := &events.Event{Platform: events.PlatformCyTube, Channel: w.channel, TimeMS: h.now, ReceivedMS: h.now, Kind: kind, Payload: p}
	if w.producer != "" {
		h.numbers[w.producer]++
		e.ID = events.MakeID(w.producer, h.numbers[w.producer])
	}
	for _, c := range change {
		c(e)
	}
	data, err := events.Encode(e)
	if err != nil {
		panic(err)
	}
	h.store(events.Subject(kind), e.ID, data)
}

func (h *history) store(subject, id string, data []byte) {
	h.seq++
	h.stream = max(h.stream+1, h.now)
	h.messages = append(h.messages, streams.Message{Seq: h.seq, Time: time.UnixMilli(h.stream), Subject: subject, MsgID: id, Data: data})
}

// again appends an earlier message a second time.
func (h *history) again(back int) {
	if back <= len(h.messages) {
		old := h.messages[len(h.messages)-back]
		h.store(old.Subject, old.MsgID, old.Data)
	}
}

// erase takes the latest message out of the stream; its place stays empty.
func (h *history) erase() {
	if n := len(h.messages); n > 0 {
		h.messages = h.messages[:n-1]
	}
}

func (h *history) items() []projector.Item {
	dec := events.NewDecoder()
	var list []projector.Item
	last := uint64(0)
	for _, m := range h.messages {
		it := projector.Decode(dec, m)
		it.Erased = m.Seq - last - 1
		last = m.Seq
		list = append(list, it)
	}
	return list
}

// line is the message as the export of events writes it, with its header's id.
func line(msg streams.Message) []byte {
	l := map[string]any{"seq": msg.Seq, "subject": msg.Subject, "time": msg.Time.UTC().Format(time.RFC3339Nano), "msg_id": msg.MsgID}
	if json.Valid(msg.Data) {
		l["data"] = json.RawMessage(msg.Data)
	} else {
		l["data"], l["raw"] = nil, msg.Data
	}
	text, err := json.Marshal(l)
	if err != nil {
		panic(err)
	}
	return text
}

// modelled is the model of what the history says.
func (h *history) modelled() (*model.Model, error) {
	m := model.New(model.Config{DefaultChannel: mainChannel})
	for _, msg := range h.messages {
		if err := m.Add(line(msg)); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (h *history) String() string {
	var b strings.Builder
	for _, m := range h.messages {
		fmt.Fprintf(&b, "%d %s %s %s\n", m.Seq, m.MsgID, m.Subject, m.Data)
	}
	return b.String()
}

// step is one thing that happens, with a name so that a failure can be read.
type step struct {
	name string
	play func(*history)
}

func (s step) String() string { return s.name }

// themes are what an evening is about: few kinds of things meet more often than
// many do.
var themes = func() [][]string {
	life := []string{"started", "recording", "recording", "connected", "joinedBot", "disconnected", "disconnected", "stopped", "roster", "roster", "kicked"}
	return [][]string{
		themed(life, "time time time joined joined left roster updated updated"),
		themed(life, "time time time joined left roster updated again late skip erased raw parts"),
		themed(nil, "time chat chat chat resent notice pm again late skip raw older parts"),
		themed(life, "time time media still still played updatedMedia list added removed moved current locked"),
		themed(nil, "media played list list added added removed moved moved temp current locked"),
		themed(life, "time time poll poll pollUpdate pollClosed"),
		themed(nil, "time poll poll pollUpdate pollUpdate pollClosed raw"),
		themed(life, "time counts high status mark unreadable other decided again late"),
		themed(life, "time time joined left roster updated chat resent media still played poll pollUpdate pollClosed counts high status mark list "+
			"added moved again late skip erased raw older parts other"),
	}
}()

func themed(list []string, words string) []string { return append(strings.Fields(words), list...) }

func ptr[T any](v T) *T { return &v }

// anyStep draws one step out of few names and numbers, so that they meet.
func anyStep(theme []string) *rapid.Generator[step] {
	return rapid.Custom(func(t *rapid.T) step {
		pick := func(what string, of ...string) string { return rapid.SampledFrom(of).Draw(t, what) }
		upTo := func(what string, n int64) int64 { return rapid.Int64Range(0, n).Draw(t, what) }
		name := func() string { return pick("name", "ann", "Ann", "bob", "cy", "ZÖE", "") }
		w := who{pick("producer", "A", "A", "A", "A", "B", "B", "C"), pick("channel", mainChannel, mainChannel, mainChannel, mainChannel, "radio")}
		if w.channel != mainChannel {
			w.producer += w.channel // a producer is one run on one channel
		}
		say := func(label string, kind events.Kind, p events.Payload, change ...func(*events.Event)) step {
			return step{fmt.Sprintf("%s by %s in %s", label, w.producer, w.channel), func(h *history) { h.say(w, kind, p, change...) }}
		}
		user := func() events.User {
			return events.User{Username: name(), Rank: float64(upTo("rank", 3)) / 2, AFK: rapid.Bool().Draw(t, "afk")}
		}
		media := func(position float64, resumed bool) *events.MediaChanged {
			id := pick("media", "x", "y")
			return &events.MediaChanged{
				Type: "yt", MediaID: id, Title: "title of " + id, Seconds: 300.5, Duration: "05:00", CurrentTime: position, QueuedBy: pick("by", "", "ann"), Resumed: resumed,
			}
		}
		item := func(uid int64) events.PlaylistItem {
			return events.PlaylistItem{UID: uid, Type: "yt", MediaID: fmt.Sprint("m", uid), Title: fmt.Sprint("item ", uid), Seconds: 60, QueuedBy: "ann"}
		}
		poll := func() *events.Poll {
			return &events.Poll{
				Title: pick("title", "which?", "what?"), Options: []string{"this", "<that>"}, Counts: json.RawMessage(pick("counts", "[0,0]", "[1, 0]", `["?","?"]`)),
				Initiator: pick("initiator", "ann", "Ann", "bob"), OpenedMS: epochMS + upTo("opened", 6)*1000,
			}
		}
		kind := rapid.SampledFrom(theme).Draw(t, "kind")
		switch kind {
		case "time":
			d := rapid.SampledFrom([]int64{1, 999, 1000, 5000, 14_999, 16_000, 59_000, 60_000, 61_000, 3_600_000, -5000, -3_600_000}).Draw(t, "ms")
			return step{fmt.Sprint("after ", d, " ms"), func(h *history) { h.now += d }}
		case "joined":
			u := user()
			return say(fmt.Sprint("joined ", u), events.KindUserJoined, &events.UserJoined{User: u})
		case "left":
			n := name()
			return say("left "+n, events.KindUserLeft, &events.UserLeft{Username: n})
		case "roster":
			list := []events.User{}
			for range upTo("users", 3) {
				list = append(list, user())
			}
			return say(fmt.Sprint("roster ", list), events.KindUserRoster, &events.UserRoster{Users: list})
		case "updated":
			p := &events.UserUpdated{Username: name()}
			switch pick("what", "rank", "afk", "back", "muted") {
			case "rank":
				p.Rank = ptr(float64(upTo("rank", 3)))
			case "afk":
				p.AFK = ptr(true)
			case "back":
				p.AFK = ptr(false)
			default:
				p.Muted = ptr(true)
			}
			return say("updated "+p.Username, events.KindUserUpdated, p)
		case "chat", "resent", "notice":
			p := &events.MessageLog{Username: name(), Message: pick("text", "hi", "ho", "", "&amp; <b>"), Style: pick("style", "", "greentext"), Shadow: upTo("shadow", 4) == 0}
			ago := int64(0)
			switch kind {
			case "resent":
				p.History = true
				ago = upTo("ago", 61) * 1000
			case "notice":
				p.Notice, p.Username = "server", "[server]"
			}
			return say(kind+" "+p.Username, events.KindMessageLog, p, func(e *events.Event) { e.TimeMS -= ago })
		case "pm":
			n, ago := name(), upTo("ago", 3)*1000
			return say("pm "+n, events.KindMessagePrivate, &events.MessagePrivate{Username: n, Recipient: "rosey", Message: "psst"}, func(e *events.Event) { e.TimeMS -= ago })
		case "counts", "high":
			p := &events.Counts{Chat: upTo("chat", 4), Connected: upTo("all", 5)}
			k := map[string]events.Kind{"counts": events.KindUserCount, "high": events.KindHighWater}[kind]
			return say(fmt.Sprint(kind, *p), k, p)
		case "status":
			p := &events.StatusUpdate{PlaylistItems: ptr(upTo("items", 3))}
			switch upTo("more", 3) {
			case 0:
				p.BotName, p.BotRank, p.BotAFK = ptr("rosey"), ptr(2.5), ptr(true)
			case 1:
				p.MediaTitle, p.MediaDuration, p.ChatUsers, p.ConnectedUsers = ptr("x"), ptr("01:00"), ptr(int64(1)), ptr(int64(2))
			case 2:
				p.BotConnected, p.BotDisconnectWhy, p.BotStartTime, p.ChannelName = ptr(false), ptr("why"), ptr(int64(5)), ptr("tv")
			}
			return say("status", events.KindStatusUpdate, p)
		case "media":
			return say("media", events.KindMediaChanged, media(0, false))
		case "still":
			return say("still", events.KindMediaChanged, media(float64(upTo("position", 100))/2-5, true))
		case "updatedMedia":
			return say("media updated", events.KindMediaUpdated, &events.MediaUpdated{CurrentTime: 5})
		case "played":
			return say("played", events.KindMediaEnded, &events.MediaEnded{Reason: "removed"})
		case "list":
			uids := rapid.SliceOfN(rapid.Int64Range(1, 6), 0, 6).Draw(t, "uids")
			return say(fmt.Sprint("list ", uids), events.KindPlaylistReplaced, &events.PlaylistReplaced{Raw: wireList(uids)})
		case "added":
			return say("added", events.KindPlaylistAdded, &events.PlaylistAdded{PlaylistItem: item(upTo("uid", 7)), After: pick("after", "prepend", "append", "1", "2", "9", "?")})
		case "moved":
			return say("moved", events.KindPlaylistMoved, &events.PlaylistMoved{UID: upTo("uid", 7), After: pick("after", "prepend", "append", "1", "2", "9", "?")})
		case "removed":
			return say("removed", events.KindPlaylistRemoved, &events.PlaylistRemoved{UID: upTo("uid", 7)})
		case "temp":
			return say("temp", events.KindPlaylistTemp, &events.PlaylistTemp{UID: upTo("uid", 7), Temp: true})
		case "current":
			return say("current", events.KindPlaylistCurrent, &events.PlaylistCurrent{UID: upTo("uid", 7)})
		case "locked":
			return say("locked", events.KindPlaylistLocked, &events.PlaylistLocked{Locked: rapid.Bool().Draw(t, "locked")})
		case "poll":
			return say("poll", events.KindPollOpened, poll())
		case "pollUpdate":
			return say("poll update", events.KindPollUpdated, poll())
		case "pollClosed":
			p := &events.PollClosed{}
			if rapid.Bool().Draw(t, "named") {
				p.Initiator, p.OpenedMS = "ann", epochMS+upTo("opened", 6)*1000
			}
			return say("poll closed", events.KindPollClosed, p)
		case "mark":
			k := rapid.SampledFrom([]events.Kind{events.KindMarkSent, events.KindMarkFailed}).Draw(t, "outcome")
			return say(string(k), k, &events.OutboundMark{
				MessageID: upTo("id", 2), Message: pick("text", "", "hello", "ho"), Recipient: pick("recipient", "", "ann"), QueuedMS: upTo("queued", 2), SentMS: upTo("sent", 2),
				Attempts: upTo("attempts", 2), Reason: pick("reason", "", "muted"), State: pick("state", "", "failed", "abandoned", "unknown", "sent"),
			})
		case "started":
			p := &events.BotStarted{Producer: w.producer, Previous: pick("previous", "", "A", "B", "C", events.PreviousUnknown), PreviousSeq: upTo("number", 9)}
			if p.Previous == w.producer {
				p.Previous = "" // nobody follows itself
			}
			return say("started after "+p.Previous, events.KindBotStarted, p)
		case "recording":
			p := &events.BotRecording{Producer: w.producer, Term: upTo("term", 3)}
			return say(fmt.Sprint("recording ", p.Term), events.KindBotRecording, p)
		case "connected":
			return say("connected", events.KindBotConnected, &events.BotConnected{Server: "cytu.example"})
		case "joinedBot":
			return say("bot joined", events.KindBotJoined, &events.BotJoined{Username: "rosey"})
		case "disconnected":
			ago := rapid.SampledFrom([]int64{-1, -1, 0, 3000, 70_000, -5000}).Draw(t, "observed")
			return step{fmt.Sprintf("disconnected %d by %v", ago, w), func(h *history) {
				p := &events.BotDisconnected{Reason: "connection_lost"}
				if ago != -1 {
					p.ObservedMS = h.now - ago
				}
				h.say(w, events.KindBotDisconnected, p)
			}}
		case "kicked":
			return say("kicked", events.KindBotKicked, &events.BotKicked{Reason: "out"})
		case "stopped":
			return say("stopped", events.KindBotStopped, &events.BotStopped{Reason: "signal"})
		case "unreadable":
			return say("unreadable", events.KindBotUnreadable, &events.BotUnreadable{Bytes: 5, Reason: "json"})
		case "other":
			k := rapid.SampledFrom([]events.Kind{"channel.motd", "cytube.something", "bot.set_aside", "playlist.meta"}).Draw(t, "other")
			return say(string(k), k, nil)
		case "decided":
			return decidedStep(upTo("decision", 1) == 0, upTo("seq", 3))
		case "again":
			n := int(upTo("back", 9)) + 1
			return step{fmt.Sprint("again ", n), func(h *history) { h.again(n) }}
		case "late":
			n, u := uint64(upTo("number", 7))+1, user()
			return step{fmt.Sprintf("late %d by %v", n, w), func(h *history) {
				h.say(w, events.KindUserJoined, &events.UserJoined{User: u}, func(e *events.Event) { e.ID = events.MakeID(w.producer, n) })
			}}
		case "skip":
			n := uint64(upTo("numbers", 2)) + 1
			return step{fmt.Sprintf("skip %d of %s", n, w.producer), func(h *history) { h.numbers[w.producer] += n }}
		case "erased":
			return step{"erased", (*history).erase}
		case "older":
			data := pick("data", `{"username":"old","msg":"hello","time":1700000001}`, `{"username":"old","msg":"hello","time":1700000001.5}`,
				`{"username":"old","msg":"hello"}`, `{"id":"11111111-2222-3333-4444-555555555555","username":"old","msg":"hello","time":1700000001}`)
			subject := events.Subject(events.KindMessageLog) + pick("token", "", ".radio", ".a=20b")
			return step{"older " + subject + data, func(h *history) {
				h.store(subject, "", []byte(data))
			}}
		case "parts":
			return inParts(t, w, upTo("missing", 4))
		default:
			return rawStep(t)
		}
	})
}

// decidedStep is an operator's decision: by no producer, of no channel.
func decidedStep(gap bool, seq int64) step {
	kind, p := events.KindStreamAdopted, events.Payload(&events.StreamAdopted{StreamID: "new", PreviousID: "old", Seq: seq, MsgID: "A-1"})
	if gap {
		kind, p = events.KindGapAccepted, &events.GapAccepted{FirstSeq: seq, LastSeq: seq + 1, CheckpointSeq: seq}
	}
	return step{fmt.Sprint(kind, seq), func(h *history) {
		e := &events.Event{Kind: kind, Payload: p, TimeMS: h.now}
		id, err := events.DecisionID(e)
		if err != nil {
			panic(err)
		}
		e.ID = id
		data, err := events.Encode(e)
		if err != nil {
			panic(err)
		}
		h.store(events.Subject(kind), id, data)
	}}
}

func wireList(uids []int64) json.RawMessage {
	list := []map[string]any{}
	for _, uid := range uids {
		list = append(list, map[string]any{
			"uid": uid, "queueby": "ann", "temp": uid%2 == 0, "media": map[string]any{"id": fmt.Sprint("m", uid), "title": fmt.Sprint("item ", uid), "seconds": 60, "type": "yt"},
		})
	}
	data, err := json.Marshal(list)
	if err != nil {
		panic(err)
	}
	return data
}

// inParts says a line in three parts, one of which may be missing.
func inParts(_ *rapid.T, w who, missing int64) step {
	return step{fmt.Sprintf("in parts, missing %d, by %v", missing, w), func(h *history) {
		inner := newHistory()
		inner.now, inner.numbers[w.producer] = h.now, h.numbers[w.producer]
		inner.say(w, events.KindMessageLog, &events.MessageLog{Username: "ann", Message: "a long line"})
		data := inner.messages[0].Data
		chunks := events.SplitData(data, (len(data)+2)/3)
		of := events.MakeID(w.producer, h.numbers[w.producer]+1)
		for i, c := range chunks {
			if int64(i+1) == missing {
				h.numbers[w.producer]++
				continue
			}
			h.say(w, events.KindBotPart, &events.BotPart{Of: of, Whole: events.KindMessageLog, Part: int64(i + 1), Parts: int64(len(chunks)), Data: c})
		}
	}}
}

// rawStep stores bytes that a recorder of ours would not write.
func rawStep(t *rapid.T) step {
	part := rapid.IntRange(0, 4).Draw(t, "part")
	if rapid.Bool().Draw(t, "a part") {
		data := []string{"", "{", `"username":"ann","time_ms":5}`, "}", ""}[part]
		return step{fmt.Sprint("raw part ", part), func(h *history) {
			h.store(events.Subject(events.KindBotPart), "", fmt.Appendf(nil, `{"of":"x-1","kind":"message.log","part":%d,"parts":2,"data":%q}`, part, data))
		}}
	}
	kind := rapid.SampledFrom([]events.Kind{
		events.KindMessageLog, events.KindUserJoined, events.KindUserLeft, events.KindUserRoster, events.KindPollOpened, events.KindPlaylistReplaced, events.KindMarkSent,
		"user.danced", "query.status",
	}).Draw(t, "kind")
	data := rapid.SampledFrom([]string{
		"", "{", "[]", "null", "{}", "{} {}", `{"username":7}`, `{"username":"bob"} x`, `{"username":"bob","message":"plain"}`, `{"users":3}`, `{"users":[null,{"name":"cy"}]}`,
		`{"username":"a\u0000b","message":"nul"}`, `{"username":"a\u0000c","message":"nul","time_ms":5}`, `{"username":"bob","name":"cy","username":"dee"}`,
		`{"username":"bob","message":"far","time_ms":9223372036854775807}`, `{"username":"bob","time_ms":-9223372036854775807}`,
		`{"initiator":"ann","opened_ms":1,"counts":7}`, `{"initiator":"ann","opened_ms":1,"counts":[1]}`, `{"items":{"a":1}}`, `{"id":7,"username":"bob"}`, `{"message_id":1.9}`,
		`{"message_id":"12"}`, `{"id":"13"}`, `{"id":"14","message_id":"x"}`, `{"id":"-1"}`, `{"id":"15","message_id":"0016"}`,
		`{"username":null,"message":null,"v":1e3,"time":1e14}`,
	}).Draw(t, "data")
	id := rapid.SampledFrom([]string{"", "", "A-3", "B-1"}).Draw(t, "id")
	return step{fmt.Sprintf("raw %s %s %s", kind, id, data), func(h *history) { h.store(events.Subject(kind), id, []byte(data)) }}
}
