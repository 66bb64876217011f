package outbound

import (
	"strings"
	"testing"
	"time"

	"rosey/events"
)

func TestMark_Judge(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1_700_000_000_000)
	no, yes := false, true
	in := func(s State) Message {
		return Message{State: s, Changed: at, SendingMS: at.UnixMilli(), Holder: "run1", Attempts: 1}
	}
	failed := mark{seq: 9, at: at, in: at}
	with := func(k mark, change func(*mark)) mark { change(&k); return k }
	own := with(failed, func(k *mark) { k.by, k.payload.State, k.payload.Reason = "run1", "abandoned", "flood" })
	shown := with(failed, func(k *mark) { k.sent, k.payload.SentMS, k.payload.Attempts = true, 77, 3 })
	again := with(failed, func(k *mark) { k.payload.Permanent, k.payload.Reason = &no, "net split" })
	for _, tt := range []struct {
		name string
		m    Message
		k    mark
		want State // empty: nothing happens
	}{
		{"shown, queued", in(Queued), shown, Sent},
		{"shown, claimed", in(Claimed), shown, Sent},
		{"shown, sending", in(Sending), shown, Sent},
		{"shown, unknown", in(Unknown), shown, Sent},
		{"shown, failed", in(Failed), shown, Sent},
		{"shown, abandoned", in(Abandoned), shown, Sent},
		{"shown, cancelled", in(Cancelled), shown, Sent},
		{"shown, sent", in(Sent), shown, ""},
		{"shown, long ago", in(Unknown), with(shown, func(k *mark) { k.in = at.Add(-time.Hour) }), Sent},

		{"shown, by a clock that differs", Message{State: Queued, QueuedMS: at.Add(time.Hour).UnixMilli()}, shown, Sent},
		{"shown, a message before that had the same key", Message{State: Queued, QueuedMS: at.Add(KeepFinished).UnixMilli()}, shown, ""},
		{"shown, that message, while this one is sent", Message{State: Sending, QueuedMS: at.Add(KeepFinished).UnixMilli()}, shown, ""},

		{"another's, queued", in(Queued), failed, Failed},
		{"another's, claimed", in(Claimed), failed, Failed},
		{"another's, unknown", in(Unknown), failed, Failed},
		{"another's, while the bot sends", in(Sending), failed, ""},
		{"another's, sent", in(Sent), failed, ""},
		{"another's, cancelled", in(Cancelled), failed, ""},
		{"another's, failed already", in(Failed), failed, ""},
		{"another's, before the message was moved", in(Queued), with(failed, func(k *mark) { k.in = at.Add(-3 * time.Second) }), ""},
		{"another's, clocks that differ", in(Queued), with(failed, func(k *mark) { k.in = at.Add(-time.Second) }), Failed},
		{"another's, an older one than the last", Message{State: Queued, MarkSeq: 9}, failed, ""},
		{"another's, numbered", in(Claimed), with(failed, func(k *mark) { k.by = "tool" }), Failed},
		{"another's, unknown", in(Claimed), with(failed, func(k *mark) { k.payload.State = "unknown" }), Unknown},
		{"another's, for good", in(Claimed), with(failed, func(k *mark) { k.payload.Permanent = &yes }), Failed},
		{"another's, to be tried again", in(Claimed), again, Queued},
		{"another's, whose clock is wrong", in(Claimed), with(again, func(k *mark) { k.at = at.AddDate(100, 0, 0) }), Queued},
		{"another's, tried often enough", Message{State: Claimed, Attempts: 3}, again, Abandoned},
		{"another's, not to be tried again once it may have left", in(Unknown), again, Failed},

		{"the bot's own", in(Sending), own, Abandoned},
		{"the bot's own, moved already", in(Abandoned), own, ""},
		{"the bot's own, sent again by a person", in(Queued), own, ""},
		{"the bot's own, of the attempt before", in(Sending), with(own, func(k *mark) { k.at = at.Add(-time.Millisecond) }), ""},
		{"another bot's", in(Sending), with(own, func(k *mark) { k.by = "run2" }), ""},
	} {
		v, ok := tt.k.judge(tt.m)
		if ok != (tt.want != "") || ok && v.to != tt.want {
			t.Errorf("%s: %q, %t; want %q", tt.name, v.to, ok, tt.want)
			continue
		}
		if !ok {
			continue
		}
		n := tt.m
		v.change(&n)
		if n.MarkSeq != 9 {
			t.Errorf("%s: mark seq %d", tt.name, n.MarkSeq)
		}
		if v.to == Sent && (n.SentMS != 77 || n.Attempts != 3) {
			t.Errorf("%s: %+v", tt.name, n)
		}
		if v.to == Queued && (n.Attempts != 2 || n.NextAttemptMS != at.Add(4*time.Minute).UnixMilli() || n.Reason != "net split") {
			t.Errorf("%s: %+v", tt.name, n)
		}
		if v.to == Failed && tt.k.payload.Reason == "" && n.Reason != ReasonMarked {
			t.Errorf("%s: reason %q", tt.name, n.Reason)
		}
	}
}

func TestReadMark_BothSpellings(t *testing.T) {
	t.Parallel()
	stored := time.UnixMilli(1_700_000_000_000)
	for _, tt := range []struct {
		subject, data string
		ok            bool
		channel       string
	}{
		{"rosey.db.messages.outbound.mark_sent", `{"message_id":5}`, true, ""},
		{"rosey.db.messages.outbound.mark_sent", `{"id":5}`, true, ""},
		{"rosey.db.messages.outbound.mark_failed", `{"id":"run1-7","message_id":5,"channel":"Lounge","state":"unknown"}`, true, "Lounge"},
		{"rosey.db.messages.outbound.mark_failed.lounge", `{"message_id":5}`, true, "lounge"},
		{"rosey.db.messages.outbound.mark_sent", `{"message_id":"5"}`, true, ""},
		{"rosey.db.messages.outbound.mark_failed", `{"id":"5"}`, true, ""},
		{"rosey.db.messages.outbound.mark_sent", `{"message_id":"five"}`, false, ""},
		{"rosey.db.messages.outbound.mark_sent", `{"id":"five"}`, false, ""},
		{"rosey.db.messages.outbound.mark_sent", `{"message_id":0}`, false, ""},
		{"rosey.db.messages.outbound.mark_sent", `{"message_id":-5}`, false, ""},
		{"rosey.db.messages.outbound.mark_sent", `{"message_id":9007199254740992}`, false, ""},
		{"rosey.db.messages.outbound.mark_sent", `{}`, false, ""},
		{"rosey.db.messages.outbound.mark_sent", `[5]`, false, ""},
		{"rosey.db.messages.outbound.mark_sent", ``, false, ""},
		{"rosey.db.messages.outbound.other", `{"message_id":5}`, false, ""},
		{"rosey.db.user.joined", `{"message_id":5}`, false, ""},
	} {
		k, ok := readMark(tt.subject, []byte(tt.data), 3, stored)
		if ok != tt.ok || ok && (k.payload.MessageID != 5 || k.channel != tt.channel || k.sent != strings.HasSuffix(tt.subject, "sent") || !k.in.Equal(stored)) {
			t.Errorf("%s %s: %+v, %t", tt.subject, tt.data, k, ok)
		}
	}
	k, _ := readMark("rosey.db.messages.outbound.mark_failed", []byte(`{"id":"run1-7","message_id":5,"reason":"`+strings.Repeat("ä", 300)+`"}`), 3, stored)
	if k.by != "run1" {
		t.Errorf("by %q", k.by)
	}
	n := Message{State: Claimed}
	v, _ := k.judge(n)
	if v.change(&n); len(n.Reason) > maxReason || !strings.HasPrefix(n.Reason, "ää") || strings.ContainsRune(n.Reason, '\ufffd') {
		t.Errorf("reason of %d bytes", len(n.Reason))
	}
}

func FuzzReadMark(f *testing.F) {
	f.Add("rosey.db.messages.outbound.mark_sent", []byte(`{"message_id":5}`))
	f.Add("rosey.db.messages.outbound.mark_failed.x", []byte(`{"id":5,"permanent":false,"state":"unknown","reason":"\u0000"}`))
	f.Fuzz(func(t *testing.T, subject string, data []byte) {
		k, ok := readMark(subject, data, 3, time.UnixMilli(1_700_000_000_000))
		if !ok {
			return
		}
		for _, s := range States() {
			m := Message{State: s, Channel: "c", ID: 1, Text: "x"}
			v, ok := k.judge(m)
			if !ok {
				continue
			}
			if v.change(&m); !v.to.Known() || m.Attempts < 0 || len(m.Reason) > maxReason || k.payload.MessageID <= 0 {
				t.Errorf("%s %s: %s, %+v", subject, data, v.to, m)
			}
		}
	})
}

func TestMark_KindsAreThoseOfEvents(t *testing.T) {
	t.Parallel()
	for _, subject := range []string{events.Subject(events.KindMarkSent), events.SubjectFor(events.KindMarkFailed, "a b")} {
		if _, ok := readMark(subject, []byte(`{"message_id":1}`), 1, time.Now()); !ok {
			t.Errorf("%s is none", subject)
		}
	}
}
