package endtoend

import (
	"database/sql"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"rosey/bot/cytube/cytubetest"
	"rosey/streams/streamstest"
)

// secret is a password that no output may hold.
const secret = "hunter2-of-the-test"

// A situation is something wrong, and what the program has to say about it.
type situation struct {
	name string
	// prepare returns the command line.
	prepare func(t *testing.T, data string) []string
	code    int
	says    string // what its one line matches
	try     string // what the next step matches
}

func args(words ...string) func(*testing.T, string) []string {
	return func(_ *testing.T, data string) []string { return append(words, "--data", data) }
}

// watched returns the page of a channel that can be joined.
func watched(t *testing.T) string {
	t.Helper()
	c, err := cytubetest.NewChannel(cytubetest.ChannelConfig{Name: "watched"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c.PageURL()
}

var anyPorts = []string{"--nats-port", "0", "--monitor-port", "off"}

func startUp(t *testing.T, data string) *program {
	t.Helper()
	p := start(t, append([]string{"up", watched(t), "--data", data}, anyPorts...)...)
	until(t, "it records", func() bool { return numberOf(t, data, "SELECT count(*) FROM bot_sessions WHERE joined_ms > 0") > 0 })
	return p
}

func startServer(t *testing.T, data string) *program {
	t.Helper()
	p := start(t, append([]string{"server", "--data", data}, anyPorts...)...)
	until(t, "the server serves", func() bool { return strings.Contains(p.out.String(), "nats ") })
	return p
}

// occupied returns a port that somebody else listens on.
func occupied(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func write(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func foreignDatabase(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE recipes (name TEXT); INSERT INTO recipes VALUES ('soup')"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// atDatabase puts something at the place of the database, and then runs the
// command; a server runs where the command needs one.
func atDatabase(put func(t *testing.T, path string), command ...string) func(*testing.T, string) []string {
	return func(t *testing.T, data string) []string {
		t.Helper()
		put(t, filepath.Join(data, "rosey.db"))
		words := append(command, "--data", data)
		if command[0] == "up" {
			return append(append(words, watched(t)), anyPorts...)
		}
		startServer(t, data)
		return words
	}
}

func textFile(t *testing.T, path string) {
	t.Helper()
	write(t, path, "my notes: do not lose them\n")
}

func emptyFile(t *testing.T, path string) {
	t.Helper()
	write(t, path, "")
}

func situations() []situation {
	list := []situation{
		{"site unreachable", args("up", "http://127.0.0.1:1/r/somewhere"), 1, `127\.0\.0\.1:1`, `--wait`},
		{"site unreachable for a bot", args("bot", "http://127.0.0.1:1/r/somewhere"), 1, `127\.0\.0\.1:1`, `--wait`},
		{"no such host", args("up", "http://no-such-host.invalid/r/somewhere"), 1, `no-such-host`, `--wait`},
		{"unknown flag", args("up", "https://cytu.be/r/x", "--colour"), 2, `unknown flag --colour`, `--help`},
		{"unknown command", func(*testing.T, string) []string { return []string{"upp"} }, 2, `upp`, `--help`},
		{"time that runs backwards", args("demo", "--for=-1s"), 2, `--for`, `rosey demo --help`},
		{"time that runs backwards for everything", args("up", "https://cytu.be/r/x", "--for=-1s"), 2, `--for`, `rosey up --help`},
		{"rebuild into a file that is there", func(t *testing.T, data string) []string {
			startServer(t, data)
			textFile(t, filepath.Join(data, "rosey.db"))
			return []string{"replay", "--into", filepath.Join(data, "rosey.db"), "--data", data}
		}, 1, `rosey\.db`, `file`},
		{"no address", args("up"), 2, `url`, `--help`},
		{"port that is none", args("server", "--nats-port", "many"), 2, `many`, `--help`},
		{"password file missing", args("up", "https://cytu.be/r/x", "--username", "a", "--password-file", "/nonexistent/secret"), 1, `/nonexistent/secret`, `.`},
		{"password without a name", func(t *testing.T, data string) []string {
			return []string{"up", watched(t), "--password-file", write(t, filepath.Join(t.TempDir(), "pw"), secret), "--data", data}
		}, 1, `no username`, `.`},
		{"user name that is none", args("up", "https://cytu.be/r/x", "--username", "two words"), 1, `two words`, `.`},
		{"external server unreachable", args("projector", "--nats", "nats://127.0.0.1:1", "--wait-server", "1ms"), 1, `127\.0\.0\.1:1|unreachable|reach`, `NATS server`},
		{"external server unreachable for a replay", args("replay", "--nats", "nats://127.0.0.1:1"), 1, `127\.0\.0\.1:1|unreachable|reach`, `NATS server`},
		{"folder that is not there", args("replay"), 1, `nothing was recorded`, `rosey up`},
		{"folder that is not there, verified", args("replay", "--verify"), 1, `nothing was recorded`, `rosey up`},
		{"folder that is not there, exported", args("export", "events"), 1, `nothing was recorded`, `rosey up`},
		{"table of a folder that is not there", args("export", "user_stats"), 1, `no database`, `rosey up`},
		{"folder that is not there, watched", args("tail"), 1, `nothing was recorded`, `rosey up`},
		{"statistics of a folder that is not there", args("stats", "top"), 1, `no database`, `rosey up`},
		{"stream of a folder that is not there", args("stream", "show"), 1, `nothing was recorded`, `rosey up`},
		{"folder that is a file", func(t *testing.T, data string) []string {
			write(t, data, "my notes\n")
			return append([]string{"up", watched(t), "--data", data}, anyPorts...)
		}, 1, `not a directory`, `--data`},
		{"no server for a projector", args("projector", "--wait-server", "1ms"), 1, `no server`, `rosey server`},
		{"taking the tables back", args("replay", "--until-seq", "5"), 2, `--until-seq`, `--into`},
		{"client port in use", func(t *testing.T, data string) []string {
			return []string{"server", "--data", data, "--nats-port", occupied(t), "--monitor-port", "off"}
		}, 1, `port|address`, `--nats-port 0`},
		{"monitor port in use", func(t *testing.T, data string) []string {
			return []string{"server", "--data", data, "--nats-port", "0", "--monitor-port", occupied(t)}
		}, 1, `port|address`, `--monitor-port 0`},
		{"port in use for everything at once", func(t *testing.T, data string) []string {
			return []string{"up", watched(t), "--data", data, "--nats-port", occupied(t), "--monitor-port", "off"}
		}, 1, `port|address`, `--nats-port 0`},
		{"two servers", func(t *testing.T, data string) []string {
			startServer(t, data)
			return append([]string{"server", "--data", data}, anyPorts...)
		}, 1, `in use`, `other process`},
		{"two of everything", func(t *testing.T, data string) []string {
			startUp(t, data)
			return append([]string{"up", watched(t), "--data", data}, anyPorts...)
		}, 1, `in use`, `other process`},
		{"two projectors", func(t *testing.T, data string) []string {
			startUp(t, data)
			return []string{"projector", "--data", data}
		}, 1, `in use by process \d+`, `stop`},
		{"replay that asks nobody beside a projector", func(t *testing.T, data string) []string {
			startUp(t, data)
			return []string{"replay", "--force", "--data", data}
		}, 1, `is in use`, `stop the running projector`},
		{"two bots", func(t *testing.T, data string) []string {
			page := watched(t)
			p := start(t, "bot", page, "--data", data)
			until(t, "the bot begins", func() bool { return strings.Contains(p.out.String(), "spool") })
			return []string{"bot", page, "--data", data}
		}, 1, `in use`, `stop it`},
		{"spool that is none", func(t *testing.T, data string) []string {
			write(t, filepath.Join(data, "spool", "watched.db"), strings.Repeat("my notes: do not lose them\n", 100))
			return []string{"bot", watched(t), "--data", data}
		}, 1, `watched\.db`, `move the file away`},
		{"no folder named", func(*testing.T, string) []string { return []string{"tail", "--data", ""} }, 1, `--data`, `--data DIR`},
		{"no folder named for a demo", func(*testing.T, string) []string { return []string{"demo", "--data", ""} }, 1, `--data`, `--data DIR`},
		{"an evening without anything", args("demo", "--rate", "0"), 2, `--rate`, `rosey demo --help`},
		{"address of a server that is none", args("tail", "--nats", "localhost:4222"), 1, `localhost:4222`, `--nats nats://`},
		{"range that runs backwards", args("export", "events", "--from", "5", "--to", "2"), 2, `--from 5`, `--from 2 --to 5`},
		{"folder to export into is missing", func(t *testing.T, data string) []string {
			startUp(t, data)
			return []string{"export", "events", "--data", data, "--out", filepath.Join(data, "no such", "x.ndjson")}
		}, 1, `no folder`, `mkdir -p '.*no such'`},
		{"tables that another version made", func(t *testing.T, data string) []string {
			must(t, "demo", "--for", "1s", "--data", data)
			db, err := sql.Open("sqlite", filepath.Join(data, "rosey.db"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = db.Close() }()
			if _, err := db.ExecContext(t.Context(), "DROP TABLE user_stats"); err != nil {
				t.Fatal(err)
			}
			return []string{"stats", "top", "--data", data}
		}, 1, `no such table`, `rosey replay`},
		{"no stream on a server of one's own", func(t *testing.T, data string) []string {
			return []string{"tail", "--data", data, "--nats", streamstest.ExternalServer(t, streamstest.ExternalOptions{NoSync: true}).URL()}
		}, 1, `does not exist`, `rosey stream setup --nats nats://127`},
		{"no JetStream on a server of one's own", func(t *testing.T, data string) []string {
			e := streamstest.ExternalServer(t, streamstest.ExternalOptions{NoSync: true, Config: "jetstream: disabled"})
			return []string{"tail", "--data", data, "--nats", e.URL()}
		}, 1, `JetStream`, `-js`},
		{"size that no server has", func(t *testing.T, data string) []string {
			e := streamstest.ExternalServer(t, streamstest.ExternalOptions{NoSync: true})
			return []string{"stream", "setup", "--max-bytes", "900TiB", "--data", data, "--nats", e.URL()}
		}, 1, `less storage`, `--max-bytes`},
		{"wrong password for the server", func(t *testing.T, data string) []string {
			p := startServer(t, data)
			url := regexp.MustCompile(`nats://\S+`).FindString(p.out.String())
			pw := write(t, filepath.Join(t.TempDir(), "pw"), secret)
			return []string{"replay", "--nats", url, "--nats-user", "somebody", "--nats-password-file", pw, "--data", data}
		}, 1, `auth|denied|refuse`, `credentials`},
	}
	for _, url := range []string{
		"", "yourchannel", "cytu.be/r/yourchannel", "ftp://cytu.be/r/yourchannel", "https://cytu.be", "https://cytu.be/r/", "https://cytu.be/x/y",
		"https://cytu.be/r/two%20words", "https://cytu.be/r/" + strings.Repeat("long", 10), "https:///r/yourchannel", "https://%zz/r/x",
		"https://somebody:" + secret + "@cytu.be/r/yourchannel",
	} {
		list = append(list, situation{"address " + url, args("up", url), 1, `address`, `https://cytu.be/r/`})
	}
	for _, command := range [][]string{{"up"}, {"projector"}, {"replay"}, {"replay", "--verify"}, {"stats", "top"}, {"export", "chat_messages"}} {
		for what, put := range map[string]func(*testing.T, string){"text": textFile, "empty file": emptyFile, "foreign database": foreignDatabase} {
			list = append(list, situation{
				strings.Join(command, " ") + " on a " + what, atDatabase(put, command...), 1, `rosey\.db: .*SQLite database`, `move the file away`,
			})
		}
	}
	return list
}

func TestErrors_OneLineAndTheNextStep(t *testing.T) {
	t.Parallel()
	for _, s := range situations() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			data := filepath.Join(t.TempDir(), "data")
			words := s.prepare(t, data)
			before := files(t, data)
			code, stdout, stderr := run(t, words...)
			if code != s.code {
				t.Errorf("exit code %d, want %d", code, s.code)
			}
			checkComplaint(t, stderr, s.says, s.try)
			for path, content := range before {
				if now, err := os.ReadFile(path); err != nil || string(now) != content {
					t.Errorf("%s was changed: %v", path, err)
				}
			}
			if len(before) == 0 && s.code == 2 {
				if _, err := os.Stat(data); err == nil {
					t.Error("a data folder was made for nothing")
				}
			}
			for _, out := range []string{stdout, stderr} {
				if strings.Contains(out, secret) {
					t.Error("a secret is shown")
				}
			}
			if t.Failed() {
				t.Logf("rosey %s\n%s%s", strings.Join(words, " "), stdout, stderr)
			}
		})
	}
}

// checkComplaint looks for one line that says what is wrong, and one that says
// what to do.
func checkComplaint(t *testing.T, stderr, says, try string) {
	t.Helper()
	var complaints, advice []string
	for line := range strings.Lines(stderr) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "rosey: "):
			complaints = append(complaints, line)
		case strings.HasPrefix(line, "try:"):
			advice = append(advice, line)
		}
	}
	if len(complaints) != 1 || !regexp.MustCompile(says).MatchString(complaints[0]) {
		t.Errorf("it says %q, want one line that matches %s", complaints, says)
	}
	if len(advice) != 1 || !regexp.MustCompile(try).MatchString(advice[0]) {
		t.Errorf("it advises %q, want one line that matches %s", advice, try)
	}
	for _, trace := range []string{"goroutine ", "panic:", ".go:"} {
		if strings.Contains(stderr, trace) {
			t.Errorf("a stack trace is shown: %q", trace)
		}
	}
}

// files are the contents of what a test put into a data folder. What running
// processes write is left out.
func files(t *testing.T, data string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, name := range []string{"rosey.db", "spool/watched.db"} {
		path := filepath.Join(data, name)
		info, err := os.Lstat(path)
		if err != nil || info.Mode()&fs.ModeSymlink != 0 {
			continue
		}
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		found[path] = string(content)
	}
	return found
}
