package endtoend

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"rosey/internal/doctor"
	"rosey/streams/streamstest"
)

// diagnose runs rosey doctor and returns its exit code and report.
func diagnose(t *testing.T, data string, more ...string) (int, doctor.Report) {
	t.Helper()
	code, out, errs := run(t, append([]string{"doctor", "--json", "--data", data}, more...)...)
	var r doctor.Report
	parse(t, out, &r)
	if errs != "" && !strings.Contains(errs, "waiting for it") {
		t.Errorf("rosey doctor says beside its report: %s", errs)
	}
	return code, r
}

// healthy waits until the doctor finds nothing wrong: events may be on their way.
func healthy(t *testing.T, data string) doctor.Report {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		code, r := diagnose(t, data)
		if code == 0 && r.State == doctor.OK {
			return r
		}
		if time.Now().After(deadline) {
			t.Fatalf("exit code %d: %s", code, text(r))
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// Three processes are killed in turn, as an operator may do by hand, and at the
// end the doctor says that nothing is missing.
func TestDoctor_NothingIsMissingAfterKills(t *testing.T) {
	t.Parallel()
	channel := lively(t)
	data := filepath.Join(t.TempDir(), "data")
	parts := []*part{
		{name: "server", args: []string{"server", "--data", data, "--nats-port", "0", "--monitor-port", "off"}},
		{name: "projector", args: []string{"projector", "--data", data}},
		{name: "bot", args: []string{"bot", channel.PageURL(), "--username", "rosey", "--data", data, "--wait"}},
	}
	lines := func() int64 { return numberOf(t, data, "SELECT count(*) FROM chat_messages WHERE notice = ''") }
	for _, p := range parts {
		p.t = t
		p.start()
	}
	for _, victim := range []int{2, 0, 1, 2} {
		before := lines()
		until(t, "it records the talk", func() bool { return lines() > before+20 })
		parts[victim].fell()
		parts[victim].start()
	}
	before := lines()
	until(t, "it records the talk", func() bool { return lines() > before+20 })
	r := healthy(t, data)
	if !r.Running {
		t.Errorf("while it runs: %s", text(r))
	}
	late := parts[2].leaves(os.Interrupt)
	until(t, "the tables have caught up", func() bool { return checkpoint(t, data) == streamEnd(t, data) })
	for _, i := range []int{1, 0} {
		parts[i].stop()
	}
	r = healthy(t, data)
	for _, p := range r.Producers {
		whole := p.Stream.Verdict == doctor.VerdictComplete || late && p.Stream.Verdict == doctor.VerdictRunning
		if !whole || p.Agree == nil || !*p.Agree {
			t.Errorf("producer %s at the end: %s", p.Producer, text(p))
		}
	}
	if len(r.Producers) < 3 {
		t.Errorf("%d producers at the end, the bot was killed twice", len(r.Producers))
	}
	out := strings.TrimSpace(must(t, "doctor", "--data", data))
	if last := out[strings.LastIndex(out, "\n")+1:]; !strings.HasPrefix(last, "healthy") {
		t.Errorf("its last line is %q", last)
	}
}

func TestDoctor_SaysWhatIsWrongFirst(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	p := start(t, append([]string{"up", watched(t), "--data", data}, anyPorts...)...)
	until(t, "it records", func() bool { return numberOf(t, data, "SELECT count(*) FROM bot_sessions WHERE joined_ms > 0") > 0 })
	p.stop()
	if err := os.Chmod(data, 0o755); err != nil {
		t.Fatal(err)
	}
	code, out, _ := run(t, "doctor", "--data", data)
	if code != 1 || !strings.HasPrefix(out, "WRONG") || !strings.Contains(out, "try: chmod") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	if err := os.Chmod(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(data, "rosey.db")); err != nil {
		t.Fatal(err)
	}
	code, out, _ = run(t, "doctor", "--data", data)
	if code != 2 || !strings.HasPrefix(out, "unknown") || !strings.Contains(out, "could not tell") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	code, out, _ = run(t, "doctor", "--data", filepath.Join(data, "nothing"))
	if code != 2 {
		t.Errorf("without an installation: exit code %d\n%s", code, out)
	}
}

func TestDoctor_DocumentHoldsEveryCheckAndField(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/doctor.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile("`([a-z_.\\[\\]]+)`").FindAllStringSubmatch(string(page), -1) {
		documented[m[1]] = true
	}
	want := map[string]bool{}
	for _, name := range doctor.Names() {
		want[name] = true
	}
	jsonFields(reflect.TypeFor[doctor.Report](), "", want)
	for name := range want {
		if !documented[name] {
			t.Errorf("docs/doctor.md does not explain %s", name)
		}
	}
	for name := range documented {
		if strings.ContainsAny(name, ".[") && !want[name] && !strings.HasPrefix(name, "bot.") {
			t.Errorf("docs/doctor.md explains %s, which is not there", name)
		}
	}
}

// jsonFields lists the paths of a type's JSON fields. The two accounts of a
// producer are alike: one stands for both.
func jsonFields(typ reflect.Type, path string, into map[string]bool) {
	switch typ.Kind() {
	case reflect.Pointer:
		jsonFields(typ.Elem(), path, into)
		return
	case reflect.Slice:
		if typ.Elem().Kind() == reflect.Struct {
			into[path+"[]"] = true
			delete(into, path)
			jsonFields(typ.Elem(), path+"[]", into)
		}
		return
	case reflect.Struct:
	default:
		return
	}
	for i := range typ.NumField() {
		name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
		field := strings.TrimPrefix(path+"."+name, ".")
		into[field] = true
		if field != "producers[].tables" {
			jsonFields(typ.Field(i).Type, field, into)
		}
	}
}

// On a NATS server of one's own the doctor goes by the same accounts; whether that
// server syncs is the one thing that no client can ask.
func TestDoctor_ExternalServer(t *testing.T) {
	t.Parallel()
	url := streamstest.ExternalServer(t, streamstest.ExternalOptions{}).URL()
	data, elsewhere := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "bot")
	must(t, "stream", "setup", "--nats", url)
	bot := start(t, "bot", lively(t).PageURL(), "--username", "rosey", "--data", elsewhere, "--nats", url)
	projector := start(t, "projector", "--data", data, "--nats", url)
	until(t, "it records the talk", func() bool { return numberOf(t, data, "SELECT count(*) FROM chat_messages") > 20 })
	spools, err := filepath.Glob(filepath.Join(elsewhere, "spool", "*.db"))
	if err != nil || len(spools) != 1 {
		t.Fatalf("spools: %q, %v", spools, err)
	}
	undecided := func(r doctor.Report) (names []string) {
		for _, c := range r.Checks {
			if c.State != doctor.OK {
				names = append(names, c.Name)
			}
		}
		return names
	}
	var code int
	var r doctor.Report
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("exit code %d, %s", code, text(r))
		}
	})
	syncAlone := func(when string, more ...string) {
		t.Helper()
		until(t, "nothing is undecided "+when+" but whether the server syncs", func() bool {
			code, r = diagnose(t, data, append([]string{"--nats", url}, more...)...)
			names := undecided(r)
			return code == 2 && len(names) == 1 && names[0] == doctor.ServerSync
		})
	}
	// The bot's spool is not at hand, but it holds the right to record.
	syncAlone("while the bot records")
	bot.kill()
	until(t, "nobody knows any more where the bot ended", func() bool {
		code, r = diagnose(t, data, "--nats", url)
		return code == 2 && slices.Contains(undecided(r), doctor.ProducersStream)
	})
	syncAlone("with its spool at hand", "--spool", spools[0])
	projector.stop()
}

// Who only looks at the files of a dead server's installation must not take it
// for one that was stopped.
func TestDoctor_ADeadServerIsNotAStoppedInstallation(t *testing.T) {
	t.Parallel()
	channel := lively(t)
	data := filepath.Join(t.TempDir(), "data")
	parts := []*part{
		{name: "server", args: []string{"server", "--data", data, "--nats-port", "0", "--monitor-port", "off"}},
		{name: "projector", args: []string{"projector", "--data", data}},
		{name: "bot", args: []string{"bot", channel.PageURL(), "--username", "rosey", "--data", data, "--wait"}},
	}
	for _, p := range parts {
		p.t = t
		p.start()
	}
	until(t, "it records", func() bool { return numberOf(t, data, "SELECT count(*) FROM bot_sessions WHERE joined_ms > 0") > 0 })
	parts[0].fell()
	code, r := diagnose(t, data)
	i := slices.IndexFunc(r.Checks, func(c doctor.Check) bool { return c.Name == doctor.ServerAwaited })
	if code != 1 || i < 0 || r.Checks[i].State != doctor.Wrong || !strings.Contains(r.Checks[i].Detail, "the projector (process ") || !strings.Contains(r.Checks[i].Detail, "the bot (process ") {
		t.Errorf("while bot and projector wait for a server: exit code %d: %s", code, text(r))
	}
	parts[0].start()
	healthy(t, data)
	for _, k := range []int{2, 1, 0} {
		parts[k].stop()
	}
	healthy(t, data)
}
