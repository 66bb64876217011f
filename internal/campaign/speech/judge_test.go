package speech_test

import (
	"slices"
	"strings"
	"testing"

	"rosey/bot/cytube/cytubetest"
	"rosey/bot/outbound"
	"rosey/internal/campaign/speech"
)

// sound is evidence in which nothing is wrong: the messages 1 to 12, all sent but
// the eleventh, which is refused for its length. The third is private, the fifth
// an action, the seventh takes three lines.
func sound() *speech.Evidence {
	e := &speech.Evidence{}
	for n := 1; n <= 12; n++ {
		a := speech.Message(n, "Ann")
		a.ID = int64(1000 + n)
		m := outbound.Message{ID: a.ID, Text: a.Text, Recipient: a.To, State: outbound.Sent, Attempts: 1, Position: uint64(n), Parts: 1, PartsSent: 1}
		mark := speech.Mark{Seq: uint64(100 + n), Sent: true, ID: a.ID, Message: a.Text, Recipient: a.To}
		if a.Kind == speech.TooLong {
			m.State, m.Reason, m.PartsSent = outbound.Failed, outbound.ReasonTooLong, 0
			mark.Sent, mark.Reason = false, outbound.ReasonTooLong
		} else {
			for _, text := range parts(a) {
				e.Shown = append(e.Shown, cytubetest.Shown{Author: "rosey", To: a.To, Text: text, TimeMS: int64(5000 + len(e.Shown))})
			}
			m.SentMS = e.Shown[len(e.Shown)-1].TimeMS
			mark.SentMS = m.SentMS
		}
		e.Asked, e.Final, e.Marks = append(e.Asked, a), append(e.Final, m), append(e.Marks, mark)
		row := speech.Row{ID: a.ID, Status: string(m.State), Message: a.Text, Recipient: a.To, Reason: m.Reason, Seq: mark.Seq, SentMS: m.SentMS}
		e.Rows = append(e.Rows, row)
	}
	return e
}

// parts are the lines as which a message is shown.
func parts(a speech.Asked) []string {
	text := strings.TrimPrefix(a.Text, "/me ")
	if a.Kind != speech.Split {
		return []string{text}
	}
	words := strings.Fields(text)
	return []string{strings.Join(words[:30], " "), strings.Join(words[30:60], " "), strings.Join(words[60:], " ")}
}

func TestJudge_FindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name               string
		change             func(*speech.Evidence)
		lost, twice, wrong int
		says               string
	}{
		{"nothing", func(*speech.Evidence) {}, 0, 0, 0, ""},
		{"a message the queue has lost", func(e *speech.Evidence) { e.Final = e.Final[1:] }, 1, 0, 2, "does not have message 1"},
		{"a message that is still waiting", func(e *speech.Evidence) { e.Final[0].State = outbound.Queued }, 1, 0, 1, "is still queued"},
		{"a line shown again", func(e *speech.Evidence) { e.Shown = append(e.Shown, e.Shown[1]) }, 0, 1, 0, "was shown 2 times"},
		{"a part shown again", func(e *speech.Evidence) { e.Shown = append(e.Shown, e.Shown[7]) }, 0, 1, 0, "message 7"},
		{"an unknown one shown twice", func(e *speech.Evidence) {
			unknown(e, 0)
			e.Shown = append(e.Shown, e.Shown[0])
		}, 0, 1, 0, "message 1"},
		{"an unknown one, after a death", func(e *speech.Evidence) { unknown(e, 0) }, 0, 0, 0, ""},
		{"an unknown one without a death", func(e *speech.Evidence) { unknown(e, 0); e.Deaths = 0 }, 0, 0, 1, "after 0 deaths"},
		{"an unknown one without a reason", func(e *speech.Evidence) {
			unknown(e, 0)
			e.Final[0].Reason, e.Marks[0].Reason, e.Rows[0].Reason = "", "", ""
		}, 0, 0, 1, "without a reason"},
		{"sent and not shown", func(e *speech.Evidence) { e.Shown = e.Shown[1:] }, 1, 0, 0, "is sent, and"},
		{"a part that was not shown", func(e *speech.Evidence) { e.Shown = slices.Delete(e.Shown, 7, 8) }, 1, 0, 0, "30 of its 80 words"},
		{"failed and shown", func(e *speech.Evidence) {
			e.Final[0].State, e.Final[0].Reason, e.Final[0].PartsSent = outbound.Failed, outbound.ReasonMuted, 0
			e.Marks[0].Sent, e.Marks[0].Reason = false, outbound.ReasonMuted
			e.Rows[0].Status, e.Rows[0].Reason = "failed", outbound.ReasonMuted
		}, 0, 0, 1, "and was shown"},
		{"a private message shown to all", func(e *speech.Evidence) { e.Shown[2].To = "" }, 1, 0, 1, "nobody asked for"},
		{"a line that nobody asked for", func(e *speech.Evidence) {
			e.Shown = append(e.Shown, cytubetest.Shown{Author: "rosey", Text: "w99.1"}, cytubetest.Shown{Text: "hm"})
		}, 0, 0, 2, "nobody asked for"},
		{"out of turn", func(e *speech.Evidence) { e.Final[0].Position, e.Final[3].Position = 4, 1 }, 0, 0, 1, "out of turn"},
		{"out of turn because of a death", func(e *speech.Evidence) { e.Final[0].Position, e.Deaths = 99, 1 }, 0, 0, 0, ""},
		{"another time", func(e *speech.Evidence) { e.Final[0].SentMS, e.Marks[0].SentMS, e.Rows[0].SentMS = 1, 1, 1 }, 0, 0, 1, "at another time"},
		{"another text", func(e *speech.Evidence) { e.Shown[0].Text += "!" }, 0, 0, 1, "with another text"},
		{"no mark", func(e *speech.Evidence) { e.Marks = e.Marks[1:] }, 0, 0, 2, "the stream has no mark"},
		{"a mark that says otherwise", func(e *speech.Evidence) { e.Marks[0].Sent, e.Rows[0].Status = false, "failed" }, 0, 0, 1, "the stream's mark says failed"},
		{"a later failure takes nothing back", func(e *speech.Evidence) {
			e.Marks = append(e.Marks, speech.Mark{Seq: 200, ID: e.Asked[0].ID, Reason: "x"})
		}, 0, 0, 0, ""},
		{"a mark of nobody's message", func(e *speech.Evidence) { e.Marks = append(e.Marks, speech.Mark{Seq: 200, ID: 7}) }, 0, 0, 1, "which nobody queued"},
		{"no row", func(e *speech.Evidence) { e.Rows = e.Rows[1:] }, 0, 0, 1, "the tables do not have it"},
		{"a row that says otherwise", func(e *speech.Evidence) { e.Rows[0].Status = "unknown" }, 0, 0, 1, "the tables say unknown"},
		{"a flood", func(e *speech.Evidence) { e.Dropped.Flood = 3 }, 0, 0, 1, "punished"},
		{"a long one that was not refused", func(e *speech.Evidence) { e.Final[10].Reason, e.Marks[10].Reason, e.Rows[10].Reason = "x", "x", "x" }, 0, 0, 1, "want it failed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := sound()
			tt.change(e)
			v := e.Judge()
			if len(v.Lost) != tt.lost || len(v.Twice) != tt.twice || len(v.Wrong) != tt.wrong || !strings.Contains(v.String(), tt.says) {
				t.Errorf("lost %q\ntwice %q\nwrong %q\nwant %d, %d, %d with %q", v.Lost, v.Twice, v.Wrong, tt.lost, tt.twice, tt.wrong, tt.says)
			}
			if v.OK() != (tt.lost+tt.twice+tt.wrong == 0) {
				t.Errorf("OK is %t", v.OK())
			}
		})
	}
}

// unknown makes what became of a message unknown to all, after a death.
func unknown(e *speech.Evidence, i int) {
	e.Deaths = 1
	e.Final[i].State, e.Final[i].Reason, e.Final[i].SentMS = outbound.Unknown, outbound.ReasonNoEcho, 0
	e.Marks[i] = speech.Mark{
		Seq: e.Marks[i].Seq, ID: e.Marks[i].ID, State: "unknown", Reason: outbound.ReasonNoEcho, Message: e.Marks[i].Message, Recipient: e.Marks[i].Recipient,
	}
	e.Rows[i].Status, e.Rows[i].Reason, e.Rows[i].SentMS = "unknown", outbound.ReasonNoEcho, 0
}

func TestFigures_CountAndAddUp(t *testing.T) {
	t.Parallel()
	e := sound()
	unknown(e, 0)
	e.Final[1].Attempts = 2
	v := e.Judge()
	if f := v.Figures; f.Queued != 12 || f.Sent != 10 || f.Failed != 1 || f.Unknown != 1 || f.UnknownShown != 1 || f.Retried != 1 {
		t.Errorf("figures %+v", f)
	}
	var sum speech.Figures
	sum.Add(v.Figures)
	sum.Add(v.Figures)
	want := "24 queued, 20 sent, 2 failed, 0 abandoned, 0 cancelled, 2 unknown (2 of them shown), 2 tried again, 0 out of turn, 0 punished; failed too_long 2, unknown no_echo 2"
	if got := sum.String(); got != want {
		t.Errorf("figures %s\nwant    %s", got, want)
	}
}

func TestEvidence_TakesMarksFromAnExport(t *testing.T) {
	t.Parallel()
	var e speech.Evidence
	for _, line := range []string{
		`{"seq":1,"subject":"rosey.db.message.log","data":{"message":"mark_sent is a word"}}`,
		`{"seq":2,"subject":"rosey.db.messages.outbound.mark_sent","data":{"message_id":7,"message":"hi","sent_ms":5}}`,
		`{"seq":3,"subject":"rosey.db.messages.outbound.mark_failed.room","data":{"message_id":8,"state":"unknown","reason":"no_echo"}}`,
	} {
		if err := e.AddExported([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	want := []speech.Mark{{Seq: 2, Sent: true, ID: 7, Message: "hi", SentMS: 5}, {Seq: 3, ID: 8, State: "unknown", Reason: "no_echo"}}
	if !slices.Equal(e.Marks, want) {
		t.Errorf("marks %+v, want %+v", e.Marks, want)
	}
	if e.AddExported([]byte(`{"mark_`)) == nil {
		t.Error("half a line is taken")
	}
}
