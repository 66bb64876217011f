package cytubetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// redacted stands for a password in a recording.
const redacted = "REDACTED"

// eventFrame encodes a CyTube event as the server does.
func eventFrame(event string, args ...any) string {
	var buf bytes.Buffer
	buf.WriteString("42")
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(append([]any{event}, args...)); err != nil {
		panic(fmt.Sprintf("cytubetest: encode %s: %v", event, err)) // only our own types get here
	}
	return strings.TrimSuffix(buf.String(), "\n")
}

// splitFrame divides a text frame into its digits and its JSON.
func splitFrame(frame string) (head, body string) {
	n := strings.IndexFunc(frame, func(r rune) bool { return r < '0' || r > '9' })
	if n < 0 {
		return frame, ""
	}
	return frame[:n], frame[n:]
}

// parseEvent returns the name and arguments of a frame that is an event.
func parseEvent(frame string) (name string, args []json.RawMessage, ok bool) {
	head, body := splitFrame(frame)
	if !strings.HasPrefix(head, "42") {
		return "", nil, false
	}
	var all []json.RawMessage
	if json.Unmarshal([]byte(body), &all) != nil || len(all) == 0 {
		return "", nil, false
	}
	if json.Unmarshal(all[0], &name) != nil {
		return "", nil, false
	}
	return name, all[1:], true
}

func eventName(frame string) string {
	name, _, _ := parseEvent(frame)
	return name
}

// sameFrame compares what a client sent with a recorded frame: as JSON, and with
// any text in place of a password.
func sameFrame(got, want string) bool {
	gotHead, gotBody := splitFrame(got)
	wantHead, wantBody := splitFrame(want)
	if gotHead != wantHead {
		return false
	}
	if gotBody == wantBody {
		return true
	}
	var g, w any
	if json.Unmarshal([]byte(gotBody), &g) != nil || json.Unmarshal([]byte(wantBody), &w) != nil {
		return false
	}
	return sameValue(g, w)
}

func sameValue(got, want any) bool {
	switch want := want.(type) {
	case string:
		text, ok := got.(string)
		return ok && (text == want || want == redacted)
	case map[string]any:
		m, ok := got.(map[string]any)
		if !ok || len(m) != len(want) {
			return false
		}
		for k, v := range want {
			if g, ok := m[k]; !ok || !sameValue(g, v) {
				return false
			}
		}
		return true
	case []any:
		s, ok := got.([]any)
		if !ok || len(s) != len(want) {
			return false
		}
		for i := range want {
			if !sameValue(s[i], want[i]) {
				return false
			}
		}
		return true
	default:
		return reflect.DeepEqual(got, want)
	}
}
