package measure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"rosey/bot/cytube/cytubetest"
	"rosey/schema"
)

// Program says where the processes come from that are measured from outside.
type Program struct {
	// Rosey is the program itself, see BuildProgram.
	Rosey string
	// Self is a program that calls Direct with the arguments after its name.
	Self []string
	// Late is how much longer than its window a load may take to be in the tables.
	// Default: a tenth of it and a second.
	Late time.Duration
}

// scene is a simulated channel with a recorder in it, which runs in processes of its
// own: what the channel costs does not count.
type scene struct {
	channel *cytubetest.Channel
	parts   []*process // in the order of their start
	reader  *schema.DB

	lines  int   // of chat, said so far
	others int   // other things that have a row each
	seen   int   // lines visible to the reader
	last   int64 // sequence of the last line seen
}

// A cast is what runs the recorder of a scene.
type cast func(url, dir string) (parts [][]string, database string)

// up is the whole program in one process, as one starts it.
func (p Program) up(url, dir string) ([][]string, string) {
	data := filepath.Join(dir, "data")
	return [][]string{{p.Rosey, "up", url, "--data", data, "--nats-port", "0", "--monitor-port", "0", "--log-level", "error"}}, filepath.Join(data, "rosey.db")
}

// apart is the same in three processes: the server by itself.
func (p Program) apart(url, dir string) ([][]string, string) {
	data := filepath.Join(dir, "data")
	return [][]string{
		{p.Rosey, "server", "--data", data, "--nats-port", "0", "--monitor-port", "0", "--log-level", "error"},
		{p.Rosey, "projector", "--data", data, "--log-level", "error"},
		{p.Rosey, "bot", url, "--data", data, "--log-level", "error"},
	}, filepath.Join(data, "rosey.db")
}

// direct is a recorder that writes rows itself.
func (p Program) direct(url, dir string) ([][]string, string) {
	path := filepath.Join(dir, "direct.db")
	return [][]string{append(append([]string{}, p.Self...), url, path)}, path
}

// audience is how many people sit in a scene's channel.
const audience = 40

func newScene(ctx context.Context, dir string, cast cast) (_ *scene, err error) {
	s := &scene{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if err = os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("measure: %w", err)
	}
	if s.channel, err = cytubetest.NewChannel(cytubetest.ChannelConfig{Name: Channel}); err != nil {
		return nil, fmt.Errorf("measure: %w", err)
	}
	for i := range audience {
		if err = s.channel.Join(person(i)); err != nil {
			return nil, fmt.Errorf("measure: %w", err)
		}
	}
	parts, database := cast(s.channel.PageURL(), dir)
	for _, args := range parts {
		p, err := startProcess(args[0], args[1:]...)
		if err != nil {
			return nil, err
		}
		s.parts = append(s.parts, p)
	}
	if err = s.until(ctx, func() (bool, error) { return s.channel.Clients() > 0, nil }); err != nil {
		return nil, fmt.Errorf("measure: wait for the recorder: %w", err)
	}
	// One line that comes through says that all parts are at work.
	if err = s.say(); err != nil {
		return nil, err
	}
	err = s.until(ctx, func() (bool, error) {
		if s.reader == nil {
			db, err := schema.OpenReader(ctx, database)
			if err != nil {
				return false, nil //nolint:nilerr // not there yet; a limit is kept
			}
			s.reader = db
		}
		return true, nil
	})
	if err == nil {
		err = s.awaitLines(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("measure: wait for the first row: %w", err)
	}
	return s, nil
}

func person(i int) string { return fmt.Sprintf("viewer_%d", i%audience) }

// startLimit is how long a program may take until it is at work, or until it has
// done what it was given.
const startLimit = 3 * time.Minute

// until waits for a condition, for as long as all processes run.
func (s *scene) until(ctx context.Context, ok func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		done, err := ok()
		if done || err != nil {
			return err
		}
		for _, p := range s.parts {
			if err := p.failed(); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
}

// say lets somebody say the next line.
func (s *scene) say() error {
	s.lines++
	if err := s.channel.Say(person(s.lines), fmt.Sprintf("line %d of an evening among friends", s.lines)); err != nil {
		return fmt.Errorf("measure: %w", err)
	}
	return nil
}

// act lets the next thing of a mixed evening happen: seven lines of chat in ten,
// the rest guests who come and go, and who doze off and wake meanwhile.
func (s *scene) act(i int) error {
	who := fmt.Sprintf("guest_%d", i/20)
	var err error
	switch i % 20 {
	case 3:
		err = s.channel.Join(who)
	case 6, 14:
		err = s.channel.SetAFK(who, true)
	case 10, 16:
		err = s.channel.SetAFK(who, false)
	case 17:
		err = s.channel.Leave(who)
	default:
		return s.say()
	}
	s.others++
	if err != nil {
		return fmt.Errorf("measure: %w", err)
	}
	return nil
}

// look counts the lines that have become visible.
func (s *scene) look(ctx context.Context) error {
	var n int
	var last int64
	err := s.reader.QueryRowContext(ctx, "SELECT count(*), coalesce(max(seq), 0) FROM chat_messages WHERE seq > ?", s.last).Scan(&n, &last)
	if err != nil {
		return fmt.Errorf("measure: look for rows: %w", err)
	}
	s.seen, s.last = s.seen+n, max(s.last, last)
	return nil
}

// awaitLines waits until every line that was said is visible.
func (s *scene) awaitLines(ctx context.Context) error {
	return s.until(ctx, func() (bool, error) {
		err := s.look(ctx)
		return s.seen >= s.lines, err
	})
}

// check makes sure that there is a row for each line, and each line once.
func (s *scene) check(ctx context.Context) error {
	if err := s.awaitLines(ctx); err != nil {
		return err
	}
	var rows, distinct int
	err := s.reader.QueryRowContext(ctx, "SELECT count(*), count(DISTINCT message) FROM chat_messages").Scan(&rows, &distinct)
	if err != nil {
		return fmt.Errorf("measure: %w", err)
	}
	if rows != s.lines || distinct != s.lines {
		return fmt.Errorf("measure: %d rows with %d texts for %d lines", rows, distinct, s.lines)
	}
	return nil
}

// use is what the processes have used so far, each by itself.
func (s *scene) use() ([]usage, error) {
	list := make([]usage, len(s.parts))
	for i, p := range s.parts {
		if err := p.failed(); err != nil {
			return nil, err
		}
		var err error
		if list[i], err = usageOf(p.pid()); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (s *scene) close() (err error) {
	if s.reader != nil {
		err = s.reader.Close()
	}
	for i := len(s.parts) - 1; i >= 0; i-- {
		err = errors.Join(err, s.parts[i].stop())
	}
	if s.channel != nil {
		s.channel.Close()
	}
	return err
}
