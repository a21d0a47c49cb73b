# SPDX-License-Identifier: MIT
"""A browser driven through chromedriver's HTTP interface (W3C WebDriver), without other packages.

    with Browser(1600, 1000) as browser:
        browser.open('file:///tmp/trace.html')
        browser.keys('ArrowRight')
"""
import base64
import json
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

KEYS = {'ArrowRight': '\ue014', 'ArrowLeft': '\ue012', 'Home': '\ue011', 'End': '\ue010',
        'Enter': '\ue007', 'Escape': '\ue00c', 'PageDown': '\ue00f'}


def missing():
    """What is not installed, or an empty string."""
    return ', '.join(p for p in ('chromedriver', 'chromium') if not shutil.which(p))


class Browser:
    def __init__(self, width, height, dark=False):
        self.size, self.dark = (width, height), dark

    def __enter__(self):
        self.profile = tempfile.TemporaryDirectory()
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            port = free.getsockname()[1]
        self.driver = subprocess.Popen(['chromedriver', f'--port={port}'],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.base = f'http://127.0.0.1:{port}'
        for _ in range(200):
            try:
                urllib.request.urlopen(self.base + '/status', timeout=5)
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        options = {'args': ['--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars',
                            '--force-device-scale-factor=1',
                            f'--user-data-dir={self.profile.name}',
                            f'--window-size={self.size[0]},{self.size[1]}']}
        answer = self.call('/session', {'capabilities': {'alwaysMatch': {
            'goog:chromeOptions': options, 'goog:loggingPrefs': {'browser': 'ALL'}}}})
        self.base += '/session/' + answer['sessionId']
        self.cdp('Emulation.setDeviceMetricsOverride', width=self.size[0], height=self.size[1],
                 deviceScaleFactor=1, mobile=False)
        self.media(dark=self.dark)
        return self

    def __exit__(self, *unused):
        try:
            self.call('', None, 'DELETE')
        finally:
            self.driver.terminate()
            self.driver.wait(10)
            self.profile.cleanup()

    def call(self, path, body, method='POST'):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, method=method,
                                         headers={'Content-Type': 'application/json'})
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)['value']
        except urllib.error.HTTPError as error:
            raise RuntimeError(error.read().decode()[:2000]) from None

    def cdp(self, command, **parameters):
        return self.call('/goog/cdp/execute', {'cmd': command, 'params': parameters})

    def media(self, dark=False, reduced=False):
        self.cdp('Emulation.setEmulatedMedia', features=[
            {'name': 'prefers-color-scheme', 'value': 'dark' if dark else 'light'},
            {'name': 'prefers-reduced-motion', 'value': 'reduce' if reduced else 'no-preference'}])

    def open(self, url):
        self.call('/url', {'url': url})

    def run(self, script, *arguments):
        return self.call('/execute/sync', {'script': script, 'args': list(arguments)})

    def keys(self, *names):
        """Real key presses, to whatever has the focus."""
        actions = []
        for name in names:
            value = KEYS.get(name, name)
            actions += [{'type': 'keyDown', 'value': value}, {'type': 'keyUp', 'value': value}]
        self.call('/actions', {'actions': [{'type': 'key', 'id': 'keys', 'actions': actions}]})

    def click(self, x, y):
        self.call('/actions', {'actions': [{
            'type': 'pointer', 'id': 'mouse', 'parameters': {'pointerType': 'mouse'}, 'actions': [
                {'type': 'pointerMove', 'duration': 0, 'x': int(x), 'y': int(y)},
                {'type': 'pointerDown', 'button': 0}, {'type': 'pointerUp', 'button': 0}]}]})

    def screenshot(self, path):
        with open(path, 'wb') as file:
            file.write(base64.b64decode(self.call('/screenshot', None, 'GET')))

    def errors(self):
        return [entry['message'] for entry in self.call('/se/log', {'type': 'browser'})
                if entry['level'] == 'SEVERE']
