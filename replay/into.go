package replay

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"rosey/schema"
)

// partialSuffix names what a rebuild into a file has so far.
const partialSuffix = ".partial"

// Into rebuilds into a file that must not exist yet, in a folder that does. It is
// made under another name beside it, and there once it is whole: after an error it
// is not. After an *InterruptedError the next call with the same limits goes on.
// Somebody else who makes the same file is a *schema.InUseError.
func Into(ctx context.Context, path string, cfg Config) (res Result, err error) {
	cfg.defaults()
	if err := findFolder(filepath.Dir(path)); err != nil {
		return res, err
	}
	if s, ok := schema.StoreOf(path); ok {
		return res, fmt.Errorf("replay: rebuild into %s: %w: %s", path, ErrOfStore, s.Link)
	}
	_, err = os.Lstat(path)
	if err == nil {
		err = fs.ErrExist
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return res, inTheWay(path, err)
	}
	partial := path + partialSuffix
	release, err := schema.Claim(partial)
	if err != nil {
		return res, fmt.Errorf("replay: %w", err)
	}
	defer func() { err = errors.Join(err, release()) }()
	left, err := schema.ReadResume(partial)
	if err == nil && left == nil {
		err = schema.RemoveUnfinished(partial)
	}
	if err != nil {
		return res, fmt.Errorf("replay: %w", err)
	}
	if err := cfg.Like.RoomElsewhere(partial, cfg.share(ctx)); err != nil {
		return res, fmt.Errorf("replay: %w", err)
	}
	if res, err = build(ctx, partial, cfg); err != nil {
		return res, err
	}
	if err := schema.Publish(partial, path); err != nil {
		return res, errors.Join(inTheWay(path, err), schema.RemoveFile(partial))
	}
	res.Path = path
	cfg.meter.result(&res, res.Checkpoint)
	cfg.Progress(res.done())
	return res, nil
}

// share is about how much of what Like holds a rebuild comes to. How much a time or a
// channel leaves out is not known beforehand: next to nothing is asked for then.
func (c *Config) share(ctx context.Context) float64 {
	if c.Channel != "" || !c.UntilTime.IsZero() {
		return 0
	}
	if c.UntilSeq == 0 {
		return 1
	}
	at, err := currentCheckpoint(ctx, c.Like)
	if err != nil || at.Seq == 0 {
		return 0
	}
	return min(1, float64(c.UntilSeq)/float64(at.Seq))
}

func inTheWay(path string, err error) error {
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("replay: rebuild into %s: %w", path, fs.ErrExist)
	}
	return fmt.Errorf("replay: %w", err)
}

// findFolder keeps a mistyped path from becoming a folder.
func findFolder(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || err == nil && !info.IsDir() {
		return fmt.Errorf("replay: rebuild into %s: %w", path, ErrNoFolder)
	}
	if err != nil {
		return fmt.Errorf("replay: rebuild into %s: %w", path, err)
	}
	return nil
}
