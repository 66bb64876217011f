package endtoend

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"rosey/internal/installation"
	"rosey/streams"
)

// inject appends messages to a running installation, as another publisher with
// the owner's rights may, and returns the sequence of the last.
func inject(t *testing.T, data string, messages ...streams.AppendMessage) uint64 {
	t.Helper()
	cfg, err := installation.Dir(data).ClientConfig(nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := installation.AttachTo(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	var last uint64
	for _, m := range messages {
		ack, err := a.Stream.Append(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		last = ack.Seq
	}
	return last
}

func TestDeadLetters_ListShowRetry(t *testing.T) {
	t.Parallel()
	const whisper = "a whisper that is nobody's business"
	data := filepath.Join(t.TempDir(), "data")
	p := startUp(t, data)
	if out := must(t, "dead-letters", "list", "--data", data); !strings.HasPrefix(out, "no dead letters") {
		t.Errorf("without any: %s", out)
	}
	rejected := inject(t, data,
		streams.AppendMessage{Subject: "rosey.db.message.log", MsgID: "x-1", Data: []byte(`{"username":"ann","message":"` + whisper)},
		streams.AppendMessage{Subject: "rosey.db.messages.outbound.mark_sent", MsgID: "x-2", Data: []byte(`{"message":"` + whisper + `"}`)})
	unread := rejected - 1
	until(t, "they are dead letters", func() bool { return numberOf(t, data, "SELECT count(*) FROM dead_letters") == 2 })

	out := must(t, "dead-letters", "list", "--data", data)
	if !strings.Contains(out, fmt.Sprintf("2 dead letters, the oldest seq=%d", unread)) || !strings.Contains(out, "decode") || !strings.Contains(out, "fold") {
		t.Errorf("list: %s", out)
	}
	var list struct {
		Count       int
		OldestSeq   uint64 `json:"oldest_seq"`
		DeadLetters []struct {
			Seq   uint64
			Class string `json:"reason_class"`
		} `json:"dead_letters"`
	}
	parse(t, must(t, "dead-letters", "list", "--json", "--data", data), &list)
	if list.Count != 2 || list.OldestSeq != unread || len(list.DeadLetters) != 2 || list.DeadLetters[1].Class != "fold" {
		t.Errorf("list --json: %+v", list)
	}
	if strings.Contains(out, whisper) {
		t.Errorf("list shows what was said: %s", out)
	}
	if out := must(t, "dead-letters", "show", fmt.Sprint(unread), "--data", data); !strings.Contains(out, `\"message\":\"`+whisper) {
		t.Errorf("show of what is no JSON: %s", out)
	}
	if out := must(t, "dead-letters", "show", fmt.Sprint(rejected), "--data", data); !strings.Contains(out, `  "message": "`+whisper) {
		t.Errorf("show of JSON: %s", out)
	}
	var shown struct{ Payload json.RawMessage }
	parse(t, must(t, "dead-letters", "show", fmt.Sprint(rejected), "--json", "--data", data), &shown)
	if !strings.Contains(string(shown.Payload), whisper) {
		t.Errorf("show --json: %s", shown.Payload)
	}
	code, r := diagnose(t, data)
	if code != 1 || strings.Contains(text(r), whisper) {
		t.Errorf("the doctor: exit code %d, %s", code, text(r))
	}
	refused := func(when, says string, args ...string) {
		t.Helper()
		code, out, errs := run(t, append(append([]string{"dead-letters"}, args...), "--data", data)...)
		if code == 0 || !strings.Contains(errs, says) || !strings.Contains(errs, "try: ") || strings.Contains(out+errs, whisper) {
			t.Errorf("%s: exit code %d\n%s%s", when, code, out, errs)
		}
	}
	refused("by the running projector", "tables are as they were", "retry", fmt.Sprint(rejected))
	refused("by the running projector", "no dead letter", "retry", "1")
	p.stop()
	refused("what cannot be read", "tables are as they were", "retry", fmt.Sprint(unread))
	refused("what is rejected", "tables are as they were", "retry", fmt.Sprint(rejected))
	refused("a sequence that is none", "no dead letter", "retry", "1")
	refused("a sequence that is none", "no dead letter", "show", "1")
	refused("nothing named", "--all", "retry")
	if n := numberOf(t, data, "SELECT count(*) FROM dead_letters"); n != 2 {
		t.Errorf("%d dead letters are left, want 2", n)
	}
}
