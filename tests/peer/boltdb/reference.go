// reference lets the tests drive the reference bolt library (Debian: golang-go, golang-github-coreos-bbolt-dev).
//
//	reference check FILE                what the library's own checker finds, one problem a line
//	reference dump FILE                 everything in the file as JSON
//	reference apply [OPTIONS] FILE      transactions from standard input, one JSON list of steps a line
//	reference hold [-read-only] FILE    open the file, say "held", and keep it until standard input ends
//	reference try [-read-only] FILE     open the file, giving up after a tenth of a second
//
// The tests build it with: GO111MODULE=off GOPATH=/usr/share/gocode go build
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"go.etcd.io/bbolt"
)

// entry is one key of a bucket: a value, or a bucket with its own entries. []byte is base64 in JSON.
type entry struct {
	Key      []byte  `json:"key"`
	Value    []byte  `json:"value,omitempty"`
	IsBucket bool    `json:"is_bucket"`
	Sequence uint64  `json:"sequence,omitempty"`
	Entries  []entry `json:"entries,omitempty"`
}

// step is one change in the bucket that Where leads to; the value counts Repeat times.
type step struct {
	Operation string   `json:"operation"`
	Where     [][]byte `json:"where"`
	Key       []byte   `json:"key"`
	Value     []byte   `json:"value"`
	Repeat    int      `json:"repeat"`
	Sequence  uint64   `json:"sequence"`
}

// container is what a transaction and a bucket have in common.
type container interface {
	Bucket(name []byte) *bbolt.Bucket
	CreateBucket(name []byte) (*bbolt.Bucket, error)
	DeleteBucket(name []byte) error
}

func main() {
	options := &bbolt.Options{}
	flags := flag.NewFlagSet("reference", flag.ExitOnError)
	flags.IntVar(&options.PageSize, "page-size", 0, "bytes in a page of a new file")
	flags.BoolVar(&options.NoFreelistSync, "no-freelist", false, "store no free list")
	flags.BoolVar(&options.ReadOnly, "read-only", false, "take the shared lock")
	freelist := flags.String("freelist", "array", "how free pages are kept in memory: array or hashmap")
	if len(os.Args) < 3 {
		fail(fmt.Errorf("usage: reference check|dump|apply|hold|try [OPTIONS] FILE"))
	}
	fail(flags.Parse(os.Args[2:]))
	options.FreelistType = bbolt.FreelistType(*freelist)
	switch os.Args[1] {
	case "check", "dump":
		options.ReadOnly = true
	case "try":
		options.Timeout = 100 * time.Millisecond
	}
	db, err := bbolt.Open(flags.Arg(0), 0o600, options)
	fail(err)
	switch os.Args[1] {
	case "check":
		fail(db.View(check))
	case "dump":
		fail(db.View(dump))
	case "apply":
		fail(applyAll(db, os.Stdin))
	case "hold":
		fmt.Println("held")
		_, err := io.Copy(io.Discard, os.Stdin)
		fail(err)
	}
	fail(db.Close())
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func check(tx *bbolt.Tx) error {
	var last error
	for problem := range tx.Check() {
		fmt.Println(problem)
		last = problem
	}
	return last
}

func dump(tx *bbolt.Tx) error {
	found := []entry{}
	err := tx.ForEach(func(name []byte, bucket *bbolt.Bucket) error {
		found = append(found, entry{Key: name, IsBucket: true, Sequence: bucket.Sequence(), Entries: entries(bucket)})
		return nil
	})
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(found)
}

func entries(bucket *bbolt.Bucket) []entry {
	found := []entry{}
	cursor := bucket.Cursor()
	for key, value := cursor.First(); key != nil; key, value = cursor.Next() {
		if value != nil {
			found = append(found, entry{Key: key, Value: value})
			continue
		}
		inner := bucket.Bucket(key)
		found = append(found, entry{Key: key, IsBucket: true, Sequence: inner.Sequence(), Entries: entries(inner)})
	}
	return found
}

func applyAll(db *bbolt.DB, input io.Reader) error {
	lines := bufio.NewReader(input)
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		var steps []step
		if err := json.Unmarshal(line, &steps); err != nil {
			return err
		}
		if err := db.Update(func(tx *bbolt.Tx) error { return apply(tx, steps) }); err != nil {
			return err
		}
	}
}

func apply(tx *bbolt.Tx, steps []step) error {
	for number, one := range steps {
		var target container = tx
		var bucket *bbolt.Bucket
		for _, name := range one.Where {
			if bucket = target.Bucket(name); bucket == nil {
				return fmt.Errorf("step %d: no bucket %q", number, name)
			}
			target = bucket
		}
		if err := change(target, bucket, one); err != nil {
			return fmt.Errorf("step %d: %s %q: %w", number, one.Operation, one.Key, err)
		}
	}
	return nil
}

func change(target container, bucket *bbolt.Bucket, one step) error {
	switch one.Operation {
	case "create":
		_, err := target.CreateBucket(one.Key)
		return err
	case "remove":
		return target.DeleteBucket(one.Key)
	case "put":
		return bucket.Put(one.Key, bytes.Repeat(one.Value, one.Repeat))
	case "delete":
		return bucket.Delete(one.Key)
	case "sequence":
		return bucket.SetSequence(one.Sequence)
	}
	return fmt.Errorf("unknown operation")
}
