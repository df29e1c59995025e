"""The methods of CRI: from requests to the managers of sandboxes, containers and images.

Called by app. Imports everything below.
"""
