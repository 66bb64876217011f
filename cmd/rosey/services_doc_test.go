package main

import (
	"os"
	"strings"
	"testing"

	"rosey/bot/outbound"
	"rosey/events"
	"rosey/projector/query"
	"rosey/replay/control"
	"rosey/streams/service"
)

// servicesMark is where the written part of the page ends.
const servicesMark = "-run Services -update -->\n"

// The page says what the program does: all of its endpoints, as they are.
func TestServices_ThePageIsMadeOfTheEndpoints(t *testing.T) {
	t.Parallel()
	const path = "../../docs/services.md"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	written, _, ok := strings.Cut(string(text), servicesMark)
	if !ok {
		t.Fatalf("%s has no mark", path)
	}
	queries, messages, work := query.Endpoints(), new(outbound.Service).Endpoints(), control.Endpoints()
	want := written + servicesMark +
		"\n## Questions (`" + query.ServiceName + "`)\n" + service.Markdown(queries) +
		"\n## Messages to the channel (`" + outbound.ServiceName + "`)\n" + service.Markdown(messages) +
		"\n## Work on the tables (`" + control.ServiceName + "`)\n" + service.Markdown(work)
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	same(t, path, string(text), want)
	for _, c := range service.Codes() {
		if !strings.Contains(written, "`"+string(c)+"`") {
			t.Errorf("%s does not explain %s", path, c)
		}
	}
	served := map[string]bool{}
	for _, e := range append(queries, messages...) {
		served[e.Subject] = true
		for _, x := range e.Examples {
			if err := e.Request.Check([]byte(x)); err != nil {
				t.Errorf("example %s of %s: %v", x, e.Name, err)
			}
		}
	}
	for _, s := range events.ServiceSubjects() {
		if !served[s] {
			t.Errorf("nobody answers on %s", s)
		}
	}
}
