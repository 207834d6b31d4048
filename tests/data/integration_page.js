// Add custom properties to users
paragon.request("heap", "/add_account_properties", {
  method: "POST",
  body: {
    "app_id": "123456789", 
    "account_id": "Fake Company",
    "properties": {
      "is_in_good_standing": "true",
      "revenue_potential": "123456",
      "account_hq": "United Kingdom",
      "subscription": "Monthly"
    }
  }
});

// Send a custom event in Heap
paragon.request("heap", "/track", {
  method: "POST",
  body: {
    "app_id": "11",
    "identity": "alice@example.com",
    "event": "Send Transactional Email",
    "timestamp": "2017-03-10T22:21:56+00:00", 
    "properties": {
      "subject": "Welcome to My App!",
      "variation": "A"
    }
  }
});
