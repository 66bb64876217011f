package doctor

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"rosey/projector"
	"rosey/schema"
	"rosey/streams"
)

// tables is the database, seen through one read transaction.
type tables struct {
	db *schema.DB
	tx *sql.Tx

	checkpoint schema.Checkpoint
	positions  map[string]*tableAccount

	dead       uint64
	deadOldest time.Time
	deadBy     []string // how many of each class
	holes      spans
	origin     schema.Origin
	generation int // how often they were made
}

func (e *examination) openTables(ctx context.Context) {
	store := e.cfg.Dir.Database()
	t, path, err := openTables(ctx, store)
	switch {
	case errors.Is(err, schema.ErrNoDatabase):
		return // lookAtNone says what makes them
	case err != nil && schema.IsDamage(err):
		e.wrong(TablesPresent, "`rosey replay --force`: it rebuilds the tables from the stream and keeps the file that is there", "the database cannot be read: %v", err)
		return
	case err != nil:
		e.unknown(TablesPresent, "look at the disk of the data folder, and whose files they are", "the database cannot be opened: %v", err)
		return
	}
	e.tables = t
	e.ok(TablesPresent, "%s, checkpoint seq=%d", path, t.checkpoint.Seq)
	e.report.Tables = &TablesInfo{Path: path, Checkpoint: t.checkpoint.Seq, DeadLetters: t.dead, Holes: t.holes.size()}
	if t.dead > 0 {
		ms := t.deadOldest.UnixMilli()
		e.report.Tables.OldestDeadMS = &ms
	}
}

func openTables(ctx context.Context, store schema.Store) (_ *tables, path string, err error) {
	g, err := store.Current()
	if err != nil {
		return nil, "", fmt.Errorf("doctor: %w", err)
	}
	t := &tables{generation: g.Number}
	if t.db, err = schema.OpenReader(ctx, g.Path); err != nil {
		return nil, "", fmt.Errorf("doctor: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.close())
		}
	}()
	if t.tx, err = t.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}); err != nil {
		return nil, "", fmt.Errorf("doctor: read %s: %w", g.Path, err)
	}
	return t, g.Path, t.read(ctx)
}

func (t *tables) read(ctx context.Context) (err error) {
	if t.checkpoint, err = schema.ReadCheckpoint(ctx, t.tx); err != nil {
		return fmt.Errorf("doctor: %w", err)
	}
	if t.positions, err = readPositions(ctx, t.tx); err != nil {
		return err
	}
	if t.holes, err = readHoles(ctx, t.tx); err != nil {
		return err
	}
	if t.origin, err = schema.ReadOrigin(ctx, t.tx); err != nil {
		return fmt.Errorf("doctor: %w", err)
	}
	return t.readDeadLetters(ctx)
}

func (t *tables) readDeadLetters(ctx context.Context) error {
	rows, err := t.tx.QueryContext(ctx, `SELECT reason_class, count(*), min(stream_time_ms) FROM dead_letters GROUP BY reason_class ORDER BY reason_class`)
	if err != nil {
		return fmt.Errorf("doctor: read dead_letters: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var class string
		var n uint64
		var ms int64
		if err := rows.Scan(&class, &n, &ms); err != nil {
			return fmt.Errorf("doctor: read dead_letters: %w", err)
		}
		t.dead += n
		t.deadBy = append(t.deadBy, fmt.Sprintf("%d %s", n, class))
		if at := time.UnixMilli(ms); t.deadOldest.IsZero() || at.Before(t.deadOldest) {
			t.deadOldest = at
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("doctor: read dead_letters: %w", err)
	}
	return nil
}

func (t *tables) close() error {
	var err error
	if t.tx != nil {
		err = t.tx.Rollback()
	}
	return errors.Join(err, t.db.Close())
}

func (e *examination) closeTables() {
	if e.tables != nil {
		_ = e.tables.close() // nothing was written
	}
}

// matchTables says whether the tables and the stream belong together.
func (e *examination) matchTables(ctx context.Context) {
	if e.tables == nil || e.cfg.stream == nil {
		return
	}
	err := projector.CheckWhole(ctx, e.tables.tx)
	if err == nil {
		err = projector.CheckStart(ctx, e.cfg.stream, e.tables.checkpoint)
	}
	var refused *projector.StartError
	switch {
	case errors.As(err, &refused):
		remedy := strings.NewReplacer("the same command with", "`rosey projector` with", projector.LookAtDoctor, "").Replace(refused.Remedy)
		e.wrong(TablesStream, remedy, "%v: %s", refused.Reason, refused.Detail)
	case err != nil:
		e.unknown(TablesStream, "try again", "%v", err)
	default:
		e.related = true
		e.ok(TablesStream, "the database belongs to this stream and can go on with it")
	}
}

// lookAtTables checks the database itself, and what a rebuild would give.
func (e *examination) lookAtTables(ctx context.Context) {
	if e.tables == nil {
		e.lookAtNone()
		return
	}
	e.lookAtProgram()
	e.lookAtIntegrity(ctx)
	e.lookAtAgreement(ctx)
	e.lookAtSearch(ctx)
	e.lookAtSample(ctx)
	e.lookAtDeadLetters()
	if e.cfg.stream == nil {
		return
	}
	e.lookAtErased(ctx)
}

func (e *examination) lookAtProgram() {
	c := e.tables.checkpoint
	if c == (schema.Checkpoint{}) {
		e.ok(TablesProgram, "the database has applied nothing yet")
		return
	}
	print, err := projector.Fingerprint(c.DefaultChannel)
	switch {
	case err != nil:
		e.unknown(TablesProgram, "", "%v", err)
	case print != c.Fingerprint:
		e.wrong(TablesProgram, "rosey replay   (or start the projector with this program: it rebuilds them)", "another version of the projections made the tables")
	default:
		e.ok(TablesProgram, "the tables were made by this version of the projections")
	}
}

// namedDifferences bounds how much of a damaged file is named.
const namedDifferences = 3

func (e *examination) lookAtIntegrity(ctx context.Context) {
	// Tables of another version have its definitions; that it is another one is said
	// by itself.
	look, whole := schema.Check, "the file and its definitions are whole; `rosey replay --verify` compares every row"
	if e.found[TablesProgram].State == Wrong {
		look, whole = schema.CheckFile, "the file is whole; its definitions are those of the version that made it"
	}
	res, err := look(ctx, e.tables.tx, namedDifferences)
	switch {
	case err != nil && schema.IsDamage(err):
		e.wrong(TablesIntegrity, "rosey replay   (rebuilds the tables from the stream)", "the file cannot be checked: %v", err)
	case err != nil:
		e.unknown(TablesIntegrity, "try again", "the file cannot be checked: %v", err)
	case res.Different > 0:
		var list []string
		for _, d := range res.Differences {
			list = append(list, d.Table+" "+d.Key)
		}
		e.wrong(TablesIntegrity, "rosey replay   (rebuilds the tables from the stream)", "%s: %s",
			plural(int(res.Different), "part of the file is damaged or not as it should be", "parts of the file are damaged or not as they should be"), strings.Join(list, ", "))
	default:
		e.ok(TablesIntegrity, "%s", whole)
	}
}

func (e *examination) lookAtDeadLetters() {
	t := e.tables
	if t.dead == 0 {
		e.ok(DeadLetters, "every event could be applied")
		return
	}
	e.wrong(DeadLetters, "rosey dead-letters list", "%s be applied (%s), the oldest was stored %s ago",
		plural(int(t.dead), "event could not", "events could not"), strings.Join(t.deadBy, ", "), e.now.Sub(t.deadOldest).Round(time.Second))
}

// lagLimit is how long an event may wait to be applied while a projector runs.
const lagLimit = time.Minute

// lookAtProjector says whether the tables are kept current.
func (e *examination) lookAtProjector(ctx context.Context) {
	if e.cfg.stream == nil {
		return
	}
	e.lookForRecorders(ctx)
	if e.tables == nil {
		return
	}
	lag := streams.Lag(e.state.LastSeq, e.tables.checkpoint.Seq)
	var waited time.Duration
	if e.scan != nil && !e.scan.oldest.IsZero() {
		waited = max(e.now.Sub(e.scan.oldest), 0)
	}
	info := e.report.Tables
	info.Lag, info.LagSeconds = lag, waited.Seconds()
	text := fmt.Sprintf("%s to be applied, the oldest for %s", plural(int(lag), "event is", "events are"), waited.Round(time.Second))
	if lag == 0 {
		text = "the tables hold everything that the stream holds"
	}
	if e.cfg.Stopped {
		e.ok(ProjectorAlive, "no server runs")
		if lag > 0 {
			text += "; the next start applies them"
		}
		e.ok(TablesLag, "%s", text)
		return
	}
	holder, err := e.cfg.stream.LeaseHolder(ctx, streams.ProjectorLease(e.cfg.Instance))
	const start = "rosey projector --data DIR, or rosey up"
	switch {
	case err != nil:
		e.unknown(ProjectorAlive, "use credentials that may read the bucket of leases", "%v", err)
	case holder != "":
		e.ok(ProjectorAlive, "the projector %s runs: %s", e.cfg.Instance, place(holder))
	case lag == 0:
		e.ok(ProjectorAlive, "no projector %s runs, and there is nothing to do for one", e.cfg.Instance)
	default:
		e.wrong(ProjectorAlive, start, "no projector %s runs, and the tables are behind", e.cfg.Instance)
	}
	if waited > lagLimit {
		e.wrong(TablesLag, "look at the projector's log; "+start+" where none runs", "%s", text)
		return
	}
	e.ok(TablesLag, "%s", text)
}

// place is where a projector's database is, without its identity.
func place(holder string) string {
	at, _, _ := strings.Cut(holder, "#")
	return at
}

// account judges the producers.
func (e *examination) account() {
	list := e.producers()
	e.report.Producers = list
	if e.scan != nil {
		e.judgeProducers(ProducersStream, "the stream", list, func(p Producer) *Account { return p.Stream },
			"look for damaged spools and for older copies of the stream; what is in none of them is lost")
		if n := e.scan.unnumbered; n > 0 {
			e.ok(ProducersUnnumbered, "%s by publishers that do not number them: whether all of those arrived cannot be told (G3 is about numbered ones)",
				plural(int(n), "event was published", "events were published"))
		} else {
			e.ok(ProducersUnnumbered, "every event is numbered")
		}
		if n := e.scan.unreadable; n > 0 {
			e.ok(FramesUnreadable, "%s of the site could not be read; each is an event bot.unreadable in the place of what it may have been", plural(int(n), "frame"))
		} else {
			e.ok(FramesUnreadable, "every frame of the site could be read")
		}
	}
	if e.tables != nil {
		e.judgeProducers(ProducersTables, "the tables", list, func(p Producer) *Account { return p.Tables }, "rosey replay   (if the stream has them)")
	}
	e.judgeAgreement(list)
}

func (e *examination) judgeProducers(check, where string, list []Producer, of func(Producer) *Account, remedy string) {
	state := OK
	var events uint64
	counts := map[Verdict]int{}
	for _, p := range list {
		a := of(p)
		if a == nil {
			continue
		}
		events += a.Count
		counts[a.Verdict]++
		state = state.worse(a.Verdict.state())
	}
	var parts []string
	for _, v := range []Verdict{
		VerdictGaps, VerdictTailMissing, VerdictUnaccounted, VerdictComplete, VerdictRunning, VerdictStandby, VerdictWaiting, VerdictBehind, VerdictGivenUp,
	} {
		if counts[v] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[v], v))
		}
	}
	text := fmt.Sprintf("%s in %s by %s", plural(int(events), "numbered event"), where, plural(len(list), "producer"))
	if len(parts) > 0 {
		text += ": " + strings.Join(parts, ", ")
	}
	switch state {
	case Wrong:
		e.wrong(check, remedy, "%s", text)
	case Unknown:
		e.unknown(check, "name the spools of bots elsewhere with --spool FILE; where a spool was lost, its last events are too", "%s", text)
	default:
		e.ok(check, "%s", text)
	}
}

func (e *examination) judgeAgreement(list []Producer) {
	if e.disagree == nil {
		return
	}
	if len(e.disagree) == 0 {
		e.ok(ProducersAgreement, "stream and tables hold the same numbers up to seq=%d", e.tables.checkpoint.Seq)
		return
	}
	var names []string
	for _, p := range list {
		if d := e.disagree[p.Producer]; d.any() {
			names = append(names, p.Producer+": "+d.String())
		}
	}
	e.wrong(ProducersAgreement, "rosey replay   (rebuilds the tables from the stream)", "up to seq=%d stream and tables differ in %s: %s",
		e.tables.checkpoint.Seq, plural(len(names), "producer"), some(names))
}
