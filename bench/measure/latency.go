package measure

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"rosey/bot"
	"rosey/bot/cytube"
	"rosey/bot/cytube/cytubetest"
	"rosey/bot/spool"
	"rosey/projector"
	"rosey/schema"
)

// lookEvery is how often the reader asks for new rows: what it adds to a latency
// is half of this on average.
const lookEvery = 200 * time.Microsecond

// patience is how much later than they were said the last lines may come.
const patience = 5 * time.Minute

// FrameToRow measures how long a line of chat takes from the moment the channel
// sends its frame until a reader of its own sees the row: through the recorder,
// the spool and the store, both written through to the disk, and the projector.
// So many lines are sent evenly at the given rate. The bound is the disk: one
// write-through of one page, of which a line cannot do with less than two. How long
// such a one takes is told of the time before, and of the same time.
func FrameToRow(ctx context.Context, dir string, perSecond, lines int) (_ Result, err error) {
	quiet, err := syncTimes(dir, 101)
	if err != nil {
		return Result{}, err
	}
	floor := percentile(quiet, 50)
	c, err := newChain(ctx, dir)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	// The first lines find everything cold.
	if _, err := c.measure(ctx, 100, 20); err != nil {
		return Result{}, err
	}
	probe, err := startDiskProbe(dir)
	if err != nil {
		return Result{}, err
	}
	took, err := c.measure(ctx, perSecond, lines)
	disk, probeErr := probe.stop()
	if err = errors.Join(err, probeErr); err != nil {
		return Result{}, err
	}
	res := latencies("", took)
	res.add(
		Metric{"fsync-p50-ms", milliseconds(floor)},
		Metric{"disk-meanwhile-p50-ms", milliseconds(percentile(disk, 50))},
		Metric{"disk-meanwhile-p99-ms", milliseconds(percentile(disk, 99))},
		Metric{"disk-meanwhile-max-ms", milliseconds(disk[len(disk)-1])},
		Metric{"rows/s", c.rate},
		Metric{"p50/fsync", ratio(res.Get("p50-ms"), milliseconds(floor))},
	)
	return res, nil
}

// chain is everything between a channel and a reader.
type chain struct {
	rig       *rig
	channel   *cytubetest.Channel
	recorder  *bot.Recorder
	projector *projector.Projector
	reader    *schema.DB
	said      int
	seen      int64   // sequence of the last row seen
	rate      float64 // at which the rows of the last measurement came, a second

	stop context.CancelFunc
	done chan error // one from each of the two that run
}

const speaker = "ann"

func newChain(ctx context.Context, dir string) (_ *chain, err error) {
	c := &chain{stop: func() {}, done: make(chan error, 2)}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("measure: %w", err), c.close())
		}
	}()
	if c.rig, err = newRig(ctx, dir, true); err != nil {
		return nil, err
	}
	if c.channel, err = cytubetest.NewChannel(cytubetest.ChannelConfig{Name: Channel}); err != nil {
		return nil, err
	}
	if err = c.channel.Join(speaker); err != nil {
		return nil, err
	}
	store := schema.Store{Link: filepath.Join(dir, "rosey.db")}
	if c.projector, err = projector.New(ctx, projector.Config{Stream: c.rig.stream, Store: store, DefaultChannel: Channel}); err != nil {
		return nil, err
	}
	if c.reader, err = schema.OpenReader(ctx, store.Link); err != nil {
		return nil, err
	}
	c.recorder, err = bot.NewRecorder(ctx, bot.RecorderConfig{
		CyTube: cytube.Config{Server: c.channel.URL(), Channel: Channel},
		Spool:  spool.Config{Path: filepath.Join(dir, "spool", Channel+".db")},
		Stream: func(context.Context) (spool.Appender, error) { return c.rig.stream, nil },
		// How fast it ends is not what is measured.
		CommitLimit: time.Minute,
	})
	if err != nil {
		return nil, err
	}
	runCtx, stop := context.WithCancel(ctx)
	c.stop = stop
	go func() { c.done <- c.projector.Run(runCtx) }()
	go func() { c.done <- c.recorder.Run(runCtx) }()
	for !c.recorder.Status().View.Joined {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	return c, nil
}

func (c *chain) close() (err error) {
	c.stop()
	if c.recorder != nil {
		err = errors.Join(<-c.done, <-c.done, c.recorder.Close())
	}
	if c.reader != nil {
		err = errors.Join(err, c.reader.Close())
	}
	if c.projector != nil {
		err = errors.Join(err, c.projector.Close())
	}
	if c.channel != nil {
		c.channel.Close()
	}
	if c.rig != nil {
		err = errors.Join(err, c.rig.close())
	}
	return err
}

// measure sends lines and returns how long each took.
func (c *chain) measure(ctx context.Context, perSecond, lines int) ([]time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, patience+time.Duration(lines/perSecond)*time.Second)
	defer cancel()
	first := c.said
	c.said += lines
	sent, failed := make([]time.Time, lines), make(chan error, 1)
	go func() { failed <- c.say(ctx, first, perSecond, sent) }()
	seen, err := c.watch(ctx, first, lines)
	if err != nil {
		cancel()
	}
	if err = errors.Join(err, <-failed); err != nil {
		return nil, fmt.Errorf("measure: frame to row: %w", err)
	}
	took := make([]time.Duration, lines)
	for i := range took {
		took[i] = seen[i].Sub(sent[i])
	}
	c.rate = ratio(float64(lines), slices.MaxFunc(seen, time.Time.Compare).Sub(sent[0]).Seconds())
	return took, nil
}

// say sends the lines at their times; one that is late does not delay the rest.
func (c *chain) say(ctx context.Context, first, perSecond int, sent []time.Time) error {
	begin := time.Now()
	for i := range sent {
		due := begin.Add(time.Duration(i) * time.Second / time.Duration(perSecond))
		select {
		case <-time.After(time.Until(due)):
		case <-ctx.Done():
			return ctx.Err()
		}
		sent[i] = time.Now()
		if err := c.channel.Say(speaker, "line "+strconv.Itoa(first+i)); err != nil {
			return err
		}
	}
	return nil
}

// watch notes when each line becomes visible.
func (c *chain) watch(ctx context.Context, first, lines int) ([]time.Time, error) {
	look, err := c.reader.PrepareContext(ctx, "SELECT seq, message FROM chat_messages WHERE seq > ? ORDER BY seq")
	if err != nil {
		return nil, err
	}
	defer func() { _ = look.Close() }()
	seen := make([]time.Time, lines)
	for left := lines; left > 0; {
		rows, err := look.QueryContext(ctx, c.seen)
		if err != nil {
			return nil, err
		}
		now := time.Now()
		for rows.Next() {
			var text string
			if err := rows.Scan(&c.seen, &text); err != nil {
				return nil, errors.Join(err, rows.Close())
			}
			number, err := strconv.Atoi(strings.TrimPrefix(text, "line "))
			if err != nil || number < first || number >= first+lines {
				return nil, errors.Join(fmt.Errorf("a line that was not said: %q", text), rows.Close())
			}
			seen[number-first] = now
			left--
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return nil, err
		}
		time.Sleep(lookEvery)
	}
	return seen, nil
}
