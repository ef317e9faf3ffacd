// A server with gorilla/websocket: gorilla PORT default|tuned. It sends each line of its standard
// input to all connections, and ends with its standard input.
//
// The default is the hub of the package's chat example: two goroutines and a queue a connection. The
// tuned one has a goroutine a connection, shared write buffers, a handler that returns, and a message
// that is prepared once and written from as many goroutines as there are processors.
package main

import (
	"bufio"
	"log"
	"net/http"
	"os"
	"runtime"
	"sync"

	"github.com/gorilla/websocket"
)

const queueLength = 256

type hub interface {
	join(connection *websocket.Conn)
	sendToAll(message []byte)
}

func main() {
	log.SetFlags(0)
	port, isTuned := os.Args[1], os.Args[2] == "tuned"
	upgrader := &websocket.Upgrader{ReadBufferSize: 1024, WriteBufferSize: 1024}
	var all hub = &chat{queues: map[chan []byte]bool{}}
	if isTuned {
		pool := &sync.Pool{}
		upgrader = &websocket.Upgrader{ReadBufferSize: 256, WriteBufferSize: 256, WriteBufferPool: pool}
		all = &direct{connections: map[*websocket.Conn]bool{}}
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		connection, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			log.Println(err)
			return
		}
		all.join(connection)
	})
	go func() { log.Fatal(http.ListenAndServe("127.0.0.1:"+port, nil)) }()
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		all.sendToAll(append([]byte(nil), lines.Bytes()...))
	}
}

// chat is the hub of the example.
type chat struct {
	mutex  sync.Mutex
	queues map[chan []byte]bool
}

func (c *chat) join(connection *websocket.Conn) {
	queue := make(chan []byte, queueLength)
	c.mutex.Lock()
	c.queues[queue] = true
	c.mutex.Unlock()
	go func() {
		defer connection.Close()
		for message := range queue {
			if connection.WriteMessage(websocket.TextMessage, message) != nil {
				return
			}
		}
	}()
	read(connection)
	c.mutex.Lock()
	delete(c.queues, queue)
	c.mutex.Unlock()
	close(queue)
}

func (c *chat) sendToAll(message []byte) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for queue := range c.queues {
		queue <- message
	}
}

// direct writes without a queue.
type direct struct {
	mutex       sync.Mutex
	connections map[*websocket.Conn]bool
}

func (d *direct) join(connection *websocket.Conn) {
	d.mutex.Lock()
	d.connections[connection] = true
	d.mutex.Unlock()
	// The handler returns, so that the HTTP server's buffers are freed.
	go func() {
		read(connection)
		d.mutex.Lock()
		delete(d.connections, connection)
		d.mutex.Unlock()
		connection.Close()
	}()
}

func (d *direct) sendToAll(message []byte) {
	prepared, err := websocket.NewPreparedMessage(websocket.TextMessage, message)
	if err != nil {
		log.Fatal(err)
	}
	d.mutex.Lock()
	all := make([]*websocket.Conn, 0, len(d.connections))
	for connection := range d.connections {
		all = append(all, connection)
	}
	d.mutex.Unlock()
	var writers sync.WaitGroup
	many := runtime.GOMAXPROCS(0)
	for n := 0; n < many; n++ {
		writers.Add(1)
		go func(n int) {
			defer writers.Done()
			for i := n; i < len(all); i += many {
				// A connection that is lost is removed by its reader.
				_ = all[i].WritePreparedMessage(prepared)
			}
		}(n)
	}
	writers.Wait()
}

// read takes what comes until the connection ends; it answers pings.
func read(connection *websocket.Conn) {
	for {
		if _, _, err := connection.NextReader(); err != nil {
			return
		}
	}
}
