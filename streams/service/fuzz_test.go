package service_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"rosey/streams/service"
)

// Any bytes lead to a reply of the right shape, and what is answered fits the
// schema that is published.
func FuzzEndpoint_AnyRequest(f *testing.F) {
	for _, seed := range []string{
		"", "{}", `{"name":"ann"}`, `{"name":"a","limit":2e1,"sort":null,"since":1.5,"tags":["a"],"deep":true}`, `{"name":"a","name":"b"}`,
		`[1,{"a":[]}]`, "null", `{"name":"\ud83d\ude00"}`, `{"name":"\\u0000\u0000"}`, "{\"name\":\"\xff\"}", `{"name":"a","limit":1e400}`,
		strings.Repeat("[", 100), `{"name":"a","limit":0.1e1}`, `{"limit":-0,"name":"` + strings.Repeat("x", 30) + `"}`,
	} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	f.Fuzz(func(t *testing.T, body []byte, bare bool) {
		var seen *askedFor
		e := service.NewEndpoint(service.Declaration{Name: "echo", Subject: "s", Bare: bare}, func(_ context.Context, r askedFor) ([]askedFor, error) {
			seen = &r
			return []askedFor{r}, nil
		})
		text, told, err := e.Answer(t.Context(), body)
		if err != nil || !json.Valid(text) || !utf8.Valid(text) {
			t.Fatalf("%q: %s, %v", body, text, err)
		}
		if (seen != nil) == (told != nil) {
			t.Fatalf("%q: %v was told, and the handler saw %+v", body, told, seen)
		}
		if told != nil {
			var reply struct {
				Success *bool
				Error   *service.Error
			}
			if err := json.Unmarshal(text, &reply); err != nil || reply.Success == nil || *reply.Success || reply.Error.Code != told.Code ||
				told.Code != service.Invalid && told.Code != service.TooLarge {
				t.Fatalf("%q: %s", body, text)
			}
			return
		}
		if bare != strings.HasPrefix(string(text), "[") {
			t.Fatalf("%q: %s has another shape", body, text)
		}
		if n := len(seen.Name); n == 0 || seen.Limit < 1 || seen.Limit > 1000 || len(seen.Tags) > 2 || seen.Sort != "up" && seen.Sort != "down" {
			t.Fatalf("%q: the handler was given %+v", body, seen)
		}
		// What a handler is given can be asked for again.
		again, err := json.Marshal(seen)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Request.Check(again); err != nil {
			t.Fatalf("%q was read as %s: %v", body, again, err)
		}
	})
}
