package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"rosey/internal/installation"
	"rosey/projector"
	"rosey/projector/query"
	"rosey/replay"
	"rosey/replay/control"
	"rosey/schema"
	"rosey/streams/archive"
)

type deadLettersCmd struct {
	dataFlag
	natsFlags
	logFlags
	JSON bool `help:"Print JSON, one object."`

	List  deadLettersListCmd  `cmd:"" help:"Which events could not be applied, and why."`
	Show  deadLettersShowCmd  `cmd:"" help:"One of them, with all it holds."`
	Retry deadLettersRetryCmd `cmd:"" help:"Test them with this program, and rebuild the tables if they can be applied now."`
}

func (c *deadLettersCmd) examples() string {
	return `  rosey dead-letters list
  rosey dead-letters show 4711
  rosey dead-letters retry 4711
  rosey dead-letters retry --all --data /var/lib/rosey`
}

// read answers a question from the tables, whether or not a projector runs.
func (c *deadLettersCmd) read(ctx context.Context, question func(schema.Queryer) error) error {
	err := tablesFlag{dataFlag: c.dataFlag}.read(ctx, question)
	if errors.Is(err, query.ErrNotFound) {
		return advise(err, "rosey dead-letters list")
	}
	return err
}

type deadLettersListCmd struct {
	After uint64 `help:"Begin after this sequence." placeholder:"SEQ"`
	Limit int    `help:"How many." default:"100" placeholder:"N"`
}

func (c *deadLettersListCmd) examples() string {
	return "  rosey dead-letters list\n  rosey dead-letters list --json --limit 1000"
}

// Run lists dead letters, without what they hold.
func (c *deadLettersListCmd) Run(ctx context.Context, con *console, flags *deadLettersCmd) error {
	ignoreBrokenPipe()
	var page query.DeadLetterPage
	err := flags.read(ctx, func(q schema.Queryer) (err error) {
		page, err = query.DeadLetters(ctx, q, c.After, c.Limit)
		return err
	})
	if err != nil {
		return err
	}
	if flags.JSON {
		return unlessPipe(printJSON(con.out, page))
	}
	return unlessPipe(c.print(con, page))
}

func (c *deadLettersListCmd) print(con *console, page query.DeadLetterPage) error {
	if page.Count == 0 {
		_, err := fmt.Fprintln(con.out, "no dead letters: every event could be applied")
		return err
	}
	t := newTable(con.out, "seq", "stored", "subject", "class", "reason")
	for _, d := range page.DeadLetters {
		t.row(fmt.Sprint(d.Seq), moment(d.StreamTimeMS), printable(d.Subject), printable(d.Class), printable(d.Reason))
	}
	if err := t.flush(); err != nil {
		return err
	}
	if n := len(page.DeadLetters); n > 0 && int64(n) < page.Count {
		fmt.Fprintf(con.out, "...more with --after %d\n", page.DeadLetters[n-1].Seq)
	}
	age := time.Since(time.UnixMilli(*page.OldestMS))
	what := "dead letters, the oldest"
	if page.Count == 1 {
		what = "dead letter,"
	}
	_, err := fmt.Fprintf(con.out, "%s %s seq=%d, its message stored %s ago\n", number(page.Count), what, *page.OldestSeq, lasting(int64(age.Seconds())))
	return err
}

type deadLettersShowCmd struct {
	Seq         uint64 `arg:"" help:"Sequence in the stream." placeholder:"SEQ"`
	FromArchive string `help:"Archive to look in where the tables do not have it, or are not there: what this program makes of the event." type:"path" placeholder:"DIR"`
}

func (c *deadLettersShowCmd) examples() string {
	return `  rosey dead-letters show 4711
  rosey dead-letters show 4711 --json
  rosey dead-letters show 4711 --from-archive ./archive`
}

// deadLetterShown is what show prints for machines. The payload is one or the
// other: what it is as JSON, or as text where it is none.
type deadLetterShown struct {
	query.DeadLetter
	Payload json.RawMessage `json:"payload,omitempty"`
	Text    *string         `json:"payload_text,omitempty"`
}

// Run prints one dead letter, to standard output alone: it may hold what
// somebody said.
func (c *deadLettersShowCmd) Run(ctx context.Context, con *console, flags *deadLettersCmd) error {
	ignoreBrokenPipe()
	d, payload, err := c.find(ctx, flags)
	if err != nil {
		return err
	}
	if flags.JSON {
		shown := deadLetterShown{DeadLetter: d}
		if line, ok := oneLine(payload); ok {
			shown.Payload = line
		} else {
			text := string(payload)
			shown.Text = &text
		}
		return unlessPipe(printJSON(con.out, shown))
	}
	t := newTable(con.out)
	t.row("seq", fmt.Sprint(d.Seq))
	t.row("stored", moment(d.StreamTimeMS))
	t.row("subject", printable(d.Subject))
	t.row("id", printable(orDash(d.MsgID)))
	t.row("class", printable(d.Class))
	t.row("reason", printable(d.Reason))
	t.row("payload", strconv.Itoa(len(payload))+" bytes")
	if err := t.flush(); err != nil {
		return unlessPipe(err)
	}
	_, err = fmt.Fprintln(con.out, readable(payload))
	return unlessPipe(err)
}

// readable shows bytes to a terminal: JSON over several lines, anything else in
// quotes.
func readable(payload []byte) string {
	var b bytes.Buffer
	if _, ok := oneLine(payload); !ok || json.Indent(&b, payload, "", "  ") != nil {
		return strconv.Quote(string(payload))
	}
	lines := strings.Split(b.String(), "\n")
	for i, l := range lines {
		lines[i] = printable(l)
	}
	return strings.Join(lines, "\n")
}

type deadLettersRetryCmd struct {
	Seqs        []uint64 `arg:"" optional:"" name:"seq" help:"Sequences in the stream." placeholder:"SEQ"`
	All         bool     `help:"Every dead letter that this program can read."`
	FromArchive string   `help:"Archive that holds what the stream no longer does." type:"path" placeholder:"DIR"`
}

func (c *deadLettersRetryCmd) examples() string {
	return `  rosey dead-letters retry 4711
  rosey dead-letters retry --all
  rosey dead-letters retry --all --from-archive ./archive`
}

// Run tries dead letters again, by rebuilding the tables.
func (c *deadLettersRetryCmd) Run(ctx context.Context, con *console, flags *deadLettersCmd) (err error) {
	if c.All == (len(c.Seqs) > 0) {
		return misused(con, advise(errors.New("dead-letters retry: name the sequences, or --all"), "rosey dead-letters list"))
	}
	dir, err := flags.dir()
	if err != nil {
		return err
	}
	log := flags.logger(con.err, slog.LevelWarn)
	a, err := attachInTurn(ctx, con, flags.dataFlag, flags.natsFlags, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	store := dir.Database()
	show := newProgress(con, flags.JSON)
	defer show.close()
	res, err := c.retry(ctx, a, store, flags, show, log)
	show.close()
	if err != nil && !errors.Is(err, replay.ErrStillFails) {
		return c.explain(err, res, flags)
	}
	if flags.JSON {
		err = errors.Join(printJSON(con.out, res), c.explain(err, res, flags))
	} else {
		err = errors.Join(c.print(con, res), c.explain(err, res, flags))
	}
	if err == nil && len(res.Failing) > 0 {
		return exitError(exitFailed)
	}
	return err
}

// retry tries them here, or in the process that keeps the tables.
func (c *deadLettersRetryCmd) retry(
	ctx context.Context, a *installation.Attachment, store schema.Store, flags *deadLettersCmd, show *progress, log *slog.Logger,
) (replay.Retried, error) {
	_, held, err := store.Holder()
	if err != nil {
		return replay.Retried{}, err
	}
	if !held {
		cfg := replay.Config{Stream: a.Stream, DefaultChannel: storedDefaultChannel(ctx, store), Progress: show.tell, Logger: log, Crash: crash}
		if c.FromArchive != "" {
			if cfg.Archive, err = archive.Open(c.FromArchive); err != nil {
				return replay.Retried{}, err
			}
		}
		res, err := replay.Retry(ctx, store, cfg, c.Seqs)
		var inUse *schema.InUseError
		if !errors.As(err, &inUse) {
			return res, err
		}
		// Somebody came first.
	}
	request := replay.Request{Kind: replay.KindRetry, Seqs: c.Seqs, Archive: c.FromArchive}
	w, err := askHolder(ctx, a.Conn, store, request, show, "rosey dead-letters retry "+c.words(), flags.where())
	if w.Retried != nil {
		return *w.Retried, err
	}
	return replay.Retried{}, err
}

func (c *deadLettersRetryCmd) print(con *console, res replay.Retried) error {
	if len(res.Applied) == 0 && len(res.Failing) == 0 {
		_, err := fmt.Fprintln(con.out, "no dead letters: every event could be applied")
		return err
	}
	for _, f := range res.Failing {
		if f.Class == replay.ClassErased {
			fmt.Fprintf(con.out, "not tried    seq=%d: %s\n", f.Seq, printable(f.Reason))
			continue
		}
		fmt.Fprintf(con.out, "still fails  seq=%d: %s: %s\n", f.Seq, f.Class, printable(f.Reason))
	}
	if res.Rebuild == nil {
		return nil
	}
	_, err := fmt.Fprintf(con.out, "applied      %s dead letters, by a rebuild up to seq=%d\n", number(int64(len(res.Applied))), res.Rebuild.Seq)
	return err
}

// explain says what the tables are like after a retry that did not come about.
func (c *deadLettersRetryCmd) explain(err error, res replay.Retried, flags *deadLettersCmd) error {
	var failed *projector.NewFailureError
	var interrupted *control.InterruptedError
	again := c.again(flags)
	switch {
	case errors.Is(err, context.Canceled), errors.As(err, &interrupted):
		return advise(errors.New("dead-letters retry: interrupted; the tables are as they were"), "%s", again)
	case errors.As(err, &failed):
		return advise(fmt.Errorf("the tables are as they were: %w", err), "use a version of this program that applies seq=%d; or rosey replay --on-error dead-letter, which makes it a dead letter", failed.Seq)
	case errors.Is(err, replay.ErrStillFails):
		return advise(fmt.Errorf("the tables are as they were: %w", err), "%s", c.afterFailing(res.Failing, again))
	case errors.Is(err, replay.ErrNoDeadLetter):
		return advise(err, "rosey dead-letters list")
	}
	return err
}

// afterFailing says what to do about events that failed again, and about those that
// could not be tried.
func (c *deadLettersRetryCmd) afterFailing(list []replay.Failing, again string) string {
	var steps []string
	if slices.ContainsFunc(list, func(f replay.Failing) bool { return f.Class != replay.ClassErased }) || len(list) == 0 {
		steps = append(steps, "keep it until a version of this program reads it; rosey dead-letters show SEQ shows what it holds")
	}
	if slices.ContainsFunc(list, func(f replay.Failing) bool { return f.Class == replay.ClassErased }) {
		if c.FromArchive != "" {
			steps = append(steps, "--from-archive DIR with an archive that holds it; rosey dead-letters show SEQ shows what the tables hold of it")
		} else {
			steps = append(steps, again+" --from-archive DIR   (an archive that holds what was trimmed from the stream; what was erased stays so)")
		}
	}
	return strings.Join(steps, "; ")
}

// again is the command as it was given.
func (c *deadLettersRetryCmd) again(flags *deadLettersCmd) string {
	return "rosey dead-letters retry " + c.words() + flags.where()
}

// where are the flags that say what installation it is about.
func (c *deadLettersCmd) where() string { return " --data " + shell(c.Data) + c.words() }

// words are what was asked for.
func (c *deadLettersRetryCmd) words() string {
	words := make([]string, len(c.Seqs), len(c.Seqs)+2)
	for i, seq := range c.Seqs {
		words[i] = fmt.Sprint(seq)
	}
	if c.All {
		words = append(words, "--all")
	}
	if c.FromArchive != "" {
		words = append(words, "--from-archive "+shell(c.FromArchive))
	}
	return strings.Join(words, " ")
}
