package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"rosey/streams"

	"github.com/nats-io/nats-server/v2/server"
)

// ErrDamaged means that a stream in the store cannot be opened whole. Nothing of it was
// removed. The error is a *DamagedError.
var ErrDamaged = errors.New("a stored stream is damaged")

// DamagedError says what of a store cannot be read.
type DamagedError struct {
	// Stream is its name, Folder where its files are.
	Stream, Folder string
	// Blocks are the files that are damaged, none where they are not the reason.
	Blocks []BlockDamage
	// Log is what the server said of the stream, empty where it said nothing.
	Log string
}

// BlockDamage is one file that cannot be read.
type BlockDamage struct {
	Path   string
	Reason string
	// ReadableBytes is how much of the file can be read from its beginning, 0 where
	// nothing can.
	ReadableBytes int64
}

func (e *DamagedError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the stream %s is damaged, and a server that opened it would remove what can still be read; nothing was removed", e.Stream)
	const named = 5
	for i, d := range e.Blocks {
		if i == named {
			fmt.Fprintf(&b, "; and %d more files", len(e.Blocks)-named)
			break
		}
		fmt.Fprintf(&b, "; %s: %s", d.Path, d.Reason)
	}
	if len(e.Blocks) == 0 {
		fmt.Fprintf(&b, "; %s: no block is damaged", e.Folder)
		if e.Log != "" {
			fmt.Fprintf(&b, ", the server says: %s", e.Log)
		}
	}
	return b.String()
}

// Remedy is the next step, for a person.
func (e *DamagedError) Remedy() string {
	if text := e.bucketRemedy(); text != "" {
		return text
	}
	text := "copy the data folder away first; then rosey restore DIR (the last backup) or rosey import events DIR (an archive), into a new --data folder"
	if len(e.Blocks) == 0 {
		return text
	}
	file := quoted(e.Blocks[0].Path)
	text += "; or move " + file + " out of its folder: the others open then, and its events are missing (rosey doctor says which)"
	if cut := e.Blocks[0].ReadableBytes; cut > 0 {
		text += fmt.Sprintf("; or keep what comes before the damage: truncate -s %d %s", cut, file)
	}
	return text
}

// The streams behind the buckets of what is true for some seconds.
const (
	leasesStream = "KV_ROSEY_LEASES"
	botsStream   = "KV_ROSEY_BOTS"
)

// bucketRemedy is the next step where no event is in what is damaged, empty otherwise.
// A backup or an archive would cost the events since.
func (e *DamagedError) bucketRemedy() string {
	move, made := e.Folder, ", and rosey up makes it anew"
	if len(e.Blocks) > 0 {
		move, made = e.Blocks[0].Path, ""
	}
	text := "copy the data folder away first; then move " + quoted(move) + " out of its folder" + made
	switch e.Stream {
	case leasesStream, botsStream:
		return text + ": nothing is lost with it, it says only which bots run"
	case streams.OutboundStream:
		text += ": no event is lost with it, but the messages in it that the bot was to say are"
	default:
		return ""
	}
	if len(e.Blocks) == 0 || e.Blocks[0].ReadableBytes == 0 {
		return text
	}
	return text + fmt.Sprintf("; or keep what comes before the damage: truncate -s %d %s, and look at rosey outbound list before a bot runs: "+
		"a message may wait there that was said already", e.Blocks[0].ReadableBytes, quoted(move))
}

// quoted is a path for a shell. The folder of an account has a dollar sign in its name.
func quoted(path string) string { return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'" }

// Is makes errors.Is(err, ErrDamaged) hold.
func (e *DamagedError) Is(target error) bool { return target == ErrDamaged }

func (s *keptStream) damageTo(dir, block string, err error) BlockDamage {
	d := BlockDamage{Path: filepath.Join(s.stored(dir), blocksFolder, block), Reason: "the server changed it"}
	if err != nil {
		d.Reason = err.Error()
	}
	var bad *badRecord
	if errors.As(err, &bad) {
		d.ReadableBytes = bad.at
	}
	return d
}

// settle ends what keepStored began. A stream that the server did not open, or took
// messages from, is put back as it was; the server has ended by then. The names of
// those that are open are those of running, nil where it has not come so far.
func (k *kept) settle(ctx context.Context, stop func(), running map[string]bool, said func(stream string) string) error {
	var found []error
	for _, s := range k.streams {
		damage := &DamagedError{Stream: s.name, Folder: s.stored(k.dir)}
		var err error
		whole := s.present(k.dir)
		if whole {
			damage.Blocks, err = s.harmed(ctx, k.dir)
		}
		if err == nil && whole && len(damage.Blocks) == 0 && (running == nil || running[s.account+"/"+s.name]) {
			continue
		}
		stop()
		if err == nil && (!whole || len(damage.Blocks) > 0) {
			err = s.putBack(k.dir)
		}
		if err != nil {
			// What is kept stays for the next start.
			return errors.Join(append(found, fmt.Errorf("keep what is stored of stream %s: %w", s.name, err))...)
		}
		if running == nil {
			continue
		}
		if len(damage.Blocks) == 0 {
			if damage.Blocks, err = s.damaged(ctx, k.dir); err != nil {
				found = append(found, err)
			}
			damage.Log = said(s.name)
		}
		sortDamage(damage.Blocks)
		found = append(found, damage)
	}
	if len(k.streams) > 0 {
		found = append(found, k.release())
	}
	return errors.Join(found...)
}

// damaged reads all blocks of a stream, and lists those that no server can read.
func (s *keptStream) damaged(ctx context.Context, dir string) ([]BlockDamage, error) {
	var list []BlockDamage
	for name := range s.blocks {
		if err := ctx.Err(); err != nil {
			return list, fmt.Errorf("look for the damage to stream %s: %w", s.name, err)
		}
		err := checkBlock(s.name, filepath.Join(s.stored(dir), blocksFolder, name))
		var bad *badRecord
		if err != nil && (!errors.As(err, &bad) || bad.more) {
			list = append(list, s.damageTo(dir, name, err))
		}
	}
	sortDamage(list)
	return list, nil
}

func sortDamage(list []BlockDamage) {
	slices.SortFunc(list, func(a, b BlockDamage) int { return cmp.Compare(a.Path, b.Path) })
}

// examine reads all that is stored, where it cannot be kept: a disk without hard links,
// or without room. It costs what the server's own reading costs.
func examine(ctx context.Context, dir string) error {
	list, err := storedStreams(dir)
	if err != nil {
		return err
	}
	for _, s := range list {
		blocks, err := s.damaged(ctx, dir)
		if err != nil {
			return err
		}
		if len(blocks) > 0 {
			return &DamagedError{Stream: s.name, Folder: s.stored(dir), Blocks: blocks}
		}
	}
	return nil
}

// openStreams lists what a server has opened, as account/stream.
func openStreams(srv *server.Server) (map[string]bool, error) {
	open := map[string]bool{}
	info, err := srv.Jsz(&server.JSzOptions{Accounts: true, Streams: true})
	if err != nil {
		return nil, fmt.Errorf("ask for the streams: %w", err)
	}
	for _, account := range info.AccountDetails {
		for _, stream := range account.Streams {
			open[account.Name+"/"+stream.Name] = true
		}
	}
	return open, nil
}
