package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"rosey/internal/doctor"
	"rosey/projector"
	"rosey/streams"
)

// An archive whose first message was erased leads to tables by what each command says
// is next.
func TestImport_OfAnArchiveThatBeginsLater(t *testing.T) {
	t.Parallel()
	dir := recorded(t)
	s := serve(t, dir)
	js, err := s.Conn.JetStream().Stream(t.Context(), streams.StreamName)
	if err == nil {
		err = js.SecureDeleteMsg(t.Context(), 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if r := rosey(t, "replay", "--into", filepath.Join(t.TempDir(), "x.db"), "--data", string(dir)); !strings.Contains(r.err, "try:   if they were erased on purpose, give up 1 events, seq=1 to seq=1, for good: `rosey replay --into ") {
		t.Errorf("where the first message was erased: %s", r.err)
	}
	folder, copied := filepath.Join(t.TempDir(), "archive"), filepath.Join(t.TempDir(), "elsewhere")
	succeeds(t, "export", "events", "--archive", folder, "--data", string(dir))
	if out := succeeds(t, "import", "events", folder, "--data", copied); !strings.Contains(out, "rosey replay --accept-gap makes them, without seq=1 to seq=1") {
		t.Errorf("import: %s", out)
	}
	r := rosey(t, "replay", "--data", copied)
	if r.code != exitFailed || !strings.Contains(r.err, "did not hold them") || !strings.Contains(r.err, "try:   give up 1 events, seq=1 to seq=1, for good: `rosey replay --data "+copied+" --accept-gap`; or ") {
		t.Errorf("replay: exit %d, %s", r.code, r.err)
	}
	var report doctor.Report
	if err := json.Unmarshal([]byte(rosey(t, "doctor", "--json", "--data", copied).out), &report); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{doctor.TablesPresent, doctor.StreamErased} {
		found := false
		for _, c := range report.Checks {
			found = found || c.Name == name && c.State == doctor.Unknown && strings.Contains(c.Remedy, "rosey replay "+projector.FlagAcceptGap)
		}
		if !found {
			t.Errorf("%s does not say how the tables are made: %+v", name, report.Checks)
		}
	}
	succeeds(t, "replay", "--accept-gap", "--on-error", "dead-letter", "--data", copied)
	if states := examined(t, copied); states[doctor.TablesPresent] != doctor.OK || states[doctor.StreamErased] != doctor.OK {
		t.Errorf("afterwards the doctor says %v", states)
	}
}
